/** What a process with a data plane tells of it. */

import type { PlaneFacts } from "../data/worker/plane_facts.ts";
import { reloadSentence } from "../data/worker/reloads.ts";
import { readinessOf } from "./health.ts";
import { readMetric } from "./metric.ts";
import { logged } from "./process_log.ts";
import type { Rates } from "./rates.ts";
import { scrape, type Telemetry } from "./telemetry.ts";

export interface DataTelemetryOptions {
  readonly engine: { readonly name: string; readonly description: string };
  readonly facts: () => PlaneFacts;
  readonly rates: Rates;
  /** The account, and how each output fares: what workers are asked for. */
  readonly status: () => Promise<object>;
}

export function dataTelemetry({ engine, facts, rates, status }: DataTelemetryOptions): Telemetry & {
  status(): Promise<object>;
} {
  return {
    metrics: (accept) =>
      scrape(
        engine,
        async () => {
          const { dataMetrics } = await import("./data_metrics.ts");
          const now = facts();
          const all = { ...now, ready: readinessOf(now).ready };
          return dataMetrics.map((metric) => readMetric(metric, all));
        },
        accept,
      ),
    readiness: () => readinessOf(facts()),
    async status() {
      const account = await status();
      const now = facts();
      const { ready, failed } = readinessOf(now);
      const { version, reloads } = now;
      const { last } = reloads;
      return {
        version: version ?? null,
        ...(last !== undefined && {
          reload: {
            says: reloadSentence(last, version),
            result: last.result,
            version: last.version ?? null,
            ...(last.why !== undefined && { why: last.why }),
            at: new Date(last.atMs).toISOString(),
            took_ms: Math.round(last.tookMs),
            applied: reloads.applied,
            refused: reloads.refused,
          },
        }),
        ready,
        ...(!ready && { not_ready: failed }),
        rates: rates.now,
        ...account,
        last_errors: logged().problems,
      };
    },
  };
}
