/** What a process tells of itself over HTTP: metrics, whether it is ready, one page for people. Served by the control port and the admin port. */

import { servedCertificates } from "../tls/served_certificates.ts";
import type { Exposition } from "./exposition.ts";
import { alwaysReady, type Readiness } from "./health.ts";
import { type ReadMetric, readMetric } from "./metric.ts";
import { logged } from "./process_log.ts";
import { processMetrics } from "./process_metrics.ts";

export interface Telemetry {
  /** @param accept the request's header: Prometheus' text format, or OpenMetrics where that is preferred */
  metrics(accept: string | undefined): Promise<Exposition>;
  readiness(): Readiness;
  /** Absent: there is no data plane. */
  status?(): Promise<object>;
}

/** Metrics of the process, and `own` ones before them. The code that writes them is loaded with the first scrape. */
export async function scrape(
  engine: { readonly name: string; readonly description: string },
  own: () => readonly ReadMetric[] | Promise<readonly ReadMetric[]>,
  accept: string | undefined,
): Promise<Exposition> {
  const { exposition } = await import("./exposition.ts");
  const facts = { engine, logged: logged(), certificates: [...servedCertificates] };
  return exposition([...(await own()), ...processMetrics.map((metric) => readMetric(metric, facts))], accept);
}

/** Of a process that runs the control API alone. */
export function controlTelemetry(engine: { readonly name: string; readonly description: string }): Telemetry {
  return {
    metrics: (accept) => scrape(engine, () => [], accept),
    readiness: () => alwaysReady,
  };
}
