/** `GET /status` as the data plane answers it: the account of everything since the start, and how each output fares now. */

import { DeadLetterCauses } from "../delivery/dead_letter_causes.ts";
import type { DeliveryStatus, LaneStatus } from "../delivery/delivery.ts";
import type { ListenerCounts } from "../inputs/listener_limits.ts";
import { type Amount, imbalance, type OutputTotals, retiredOutputs, type Snapshot } from "../ledger/snapshot.ts";
import type { WorkerStatus } from "./messages.ts";

/** In front of lane names that several workers have, none: each worker's own is called after it. */
type WorkerAnswers = readonly { readonly worker: number; readonly status: WorkerStatus }[];

export interface StatusParts {
  readonly version: string | undefined;
  readonly engine: string;
  readonly workers: number;
  readonly snapshot: Snapshot;
  readonly answers: WorkerAnswers;
  readonly extra: Readonly<Record<string, unknown>>;
}

export function statusOf({ version, engine, workers, snapshot, answers, extra }: StatusParts): Record<string, unknown> {
  const {
    received,
    released,
    created,
    passed,
    quarantined,
    rules,
    inRing,
    lost,
    outputs,
    streams,
    connections,
    tlsConnections,
    listeners,
    overload,
    unfinishedBytes,
  } = snapshot;
  return {
    version: version ?? null,
    engine,
    workers,
    connections,
    listeners: listenersStatus(tlsConnections, listeners),
    received,
    ...(released.records > 0 && { released }),
    created,
    passed,
    dropped: Object.fromEntries([...rules].map(([id, { dropped }]) => [id, dropped])),
    redacted: Object.fromEntries(
      [...rules].filter(([, { changed }]) => changed.records > 0).map(([id, { changed }]) => [id, changed]),
    ),
    summaries: Object.fromEntries(
      [...rules].filter(([, { summaries }]) => summaries.records > 0).map(([id, { summaries }]) => [id, summaries]),
    ),
    sampled: Object.fromEntries(
      [...rules]
        .filter(([, { sampledWeight }]) => sampledWeight > 0)
        .map(([id, { sampledWeight }]) => [id, { weight: sampledWeight }]),
    ),
    quarantined: { match_limit: quarantined.matchLimit, output_limit: quarantined.outputLimit },
    in_ring: inRing,
    lost: counted(lost),
    outputs: Object.fromEntries(
      [...outputs]
        .filter(([id, { routed, recovered }]) => id !== retiredOutputs || routed.records + recovered.records > 0)
        .map(([id, totals]) => [id, outputStatus(id, totals, answers)]),
    ),
    streams: {
      handed: streams.handed,
      written: streams.written,
      queued: streams.queued,
      lost_closed: streams.lostClosed,
    },
    overload: { active: overload.level > 0, ...overload, skipped: skippedRules(answers) },
    unfinished_bytes: unfinishedBytes,
    ...extra,
    imbalance: imbalance(snapshot),
  };
}

/** Counts that are not zero, as `GET /status` spells them. */
function listenersStatus(tlsConnections: number, counts: ListenerCounts): Record<string, number> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return {
    tls_connections: tlsConnections,
    ...Object.fromEntries(
      Object.entries(counts)
        .filter(([, count]) => count > 0)
        .map(([name, count]) => [snake(name), count]),
    ),
  };
}

function skippedRules(answers: WorkerAnswers): readonly string[] {
  return [...new Set(answers.flatMap(({ status }) => status.skipped))];
}

function outputStatus(id: string, totals: OutputTotals, answers: WorkerAnswers): Record<string, unknown> {
  const { filtered, routed, recovered, delivered, queued, spooled, deadLettered, quarantined, lost, rewrittenBytes } =
    totals;
  const each = answers.flatMap(({ status }) => (status.outputs[id] === undefined ? [] : [status.outputs[id]]));
  return {
    filtered,
    routed,
    recovered,
    delivered,
    queued,
    spooled,
    dead_lettered: deadLettered,
    ...(quarantined.records > 0 && { quarantined }),
    lost: counted(lost),
    ...(rewrittenBytes !== 0 && { rewritten_bytes: rewrittenBytes }),
    ...together(each),
  };
}

/** Of the workers' breakers the worst, of their errors one, of their numbers the sum. */
function together(each: readonly DeliveryStatus[]): Record<string, unknown> {
  const sum = (field: "in_flight" | "concurrency" | "failures") =>
    each.reduce((total, status) => total + (status[field] ?? 0), 0);
  const breakers = each.flatMap(({ breaker }) => (breaker === undefined ? [] : [breaker]));
  const worst = (["open", "half_open", "closed"] as const).find((state) => breakers.includes(state));
  const lastError = each.find(({ last_error }) => last_error !== undefined)?.last_error;
  const spoolError = each.find(({ spool_error }) => spool_error !== undefined)?.spool_error;
  const causes = new DeadLetterCauses();
  for (const { dead_letters_by_cause = {} } of each)
    for (const [cause, records] of Object.entries(dead_letters_by_cause)) causes.add(cause, records);
  const lanes: LaneStatus[] = each.flatMap((status) => status.lanes);
  return {
    ...(worst !== undefined && {
      breaker: worst,
      failures: sum("failures"),
      in_flight: sum("in_flight"),
      concurrency: sum("concurrency"),
    }),
    ...(each.some(({ tls_verified }) => tls_verified === false) && { tls_verified: false }),
    ...(lastError !== undefined && { last_error: lastError }),
    ...(spoolError !== undefined && { spool_error: spoolError }),
    ...(Object.keys(causes.counts).length > 0 && { dead_letters_by_cause: causes.counts }),
    ...(lanes.length > 0 && { lanes }),
  };
}

/** Causes that happened. */
function counted(causes: Readonly<Record<string, Amount>>): Record<string, Amount> {
  return Object.fromEntries(Object.entries(causes).filter(([, { records, bytes }]) => records !== 0 || bytes !== 0));
}
