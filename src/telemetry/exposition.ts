/**
 * What a scrape is answered with: Prometheus' text format, or OpenMetrics where the scraper asks for it, written by prom-client.
 *
 * Numbers are read from the facts of the moment; prom-client keeps none. Load this file with the first scrape: the client takes some memory.
 */

import { type Metric as ClientMetric, Registry, type RegistryContentType } from "prom-client";
import type { ReadMetric } from "./metric.ts";

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** @param accept the request's header; both formats are offered, the text format where nothing else is asked for */
export async function exposition(metrics: readonly ReadMetric[], accept: string | undefined): Promise<Exposition> {
  const contentType = wantsOpenMetrics(accept) ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(contentType);
  for (const metric of metrics) registry.registerMetric(asClientMetric(metric) as unknown as ClientMetric);
  return { contentType, body: await registry.metrics() };
}

/** OpenMetrics names a counter without its ending, the client adds it to each value. */
function asClientMetric({ name, ...rest }: ReadMetric) {
  const metric = { name, type: rest.type, get: async () => ({ ...rest, name: metric.name }) };
  return metric;
}

function wantsOpenMetrics(accept = ""): boolean {
  const quality = (type: string) => {
    const range = accept.split(",").find((one) => one.split(";")[0]!.trim().toLowerCase() === type);
    if (range === undefined) return 0;
    const q = /;\s*q=([\d.]+)/i.exec(range)?.[1];
    return q === undefined ? 1 : Number(q);
  };
  const open = quality("application/openmetrics-text");
  return open > 0 && open >= quality("text/plain");
}
