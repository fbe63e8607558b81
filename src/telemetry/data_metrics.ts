/**
 * Every metric of the data plane: name, unit, labels, meaning, source, and how it is read. The collector and `docs/reference/metrics.md` follow.
 *
 * All of it is read from memory that the main thread shares with its workers, or has itself: a scrape sends them nothing and waits for nobody.
 * Labels are bounded: rules and outputs by the manifest that runs, removed outputs are one (`retired`), and of rules that are gone those beyond
 * `rulesMax` are one (`former`).
 */

import { latencyBoundsS } from "../data/ledger/latency.ts";
import { type Amount, imbalance, type OutputTotals, type RuleTotals, retiredOutputs } from "../data/ledger/snapshot.ts";
import type { PlaneFacts } from "../data/worker/plane_facts.ts";
import type { Metric, Sample } from "./metric.ts";

/** What is scraped besides the plane itself. */
export interface DataFacts extends PlaneFacts {
  readonly ready: boolean;
}

/** Rules with series of their own: those that run, and so many in all with those that no longer do. */
export const rulesMax = 1000;
/** The label of all others. */
export const formerRules = "former";

/** Said to be 0, too. Another one shows when something came that way: `tls`, or `unknown` for what knows no more where it came from. */
const listeners: ReadonlySet<string> = new Set(["tcp", "udp"]);
const ledger = "ledger, in shared memory";
const main = "main thread";

export const dataMetrics: readonly Metric<DataFacts>[] = [
  ...pair({
    name: "received",
    labels: ["listener"],
    what: "that met the rules, by the way they came",
    source: ledger,
    read: ({ snapshot: { receivedBy } }) =>
      Object.entries(receivedBy)
        .filter(([listener, { records }]) => records > 0 || listeners.has(listener))
        .map(([listener, amount]) => ({ amount, labels: { listener } })),
  }),
  ...pair({
    name: "created",
    labels: [],
    what: "of summaries that rules made of what they dropped; they go on as records do",
    source: ledger,
    read: ({ snapshot }) => [{ amount: snapshot.created }],
  }),
  ...pair({
    name: "passed",
    labels: [],
    what: "that left the rules, bytes as received",
    source: ledger,
    read: ({ snapshot }) => [{ amount: snapshot.passed }],
  }),
  ...pair({
    name: "dropped",
    labels: ["rule"],
    what: "that a rule dropped",
    source: ledger,
    read: (facts) => byRule(facts, ({ dropped }) => dropped),
  }),
  {
    name: "streamgate_records_redacted_total",
    type: "counter",
    unit: "records",
    labels: ["rule", "detector"],
    help: "Records in which a detector of a redact rule replaced something; detector is pattern or field for a rule by those. One in which several did counts for each.",
    source: ledger,
    read: (facts) => byDetector(facts, ({ records }) => records),
  },
  {
    name: "streamgate_replacements_total",
    type: "counter",
    unit: "values",
    labels: ["rule", "detector"],
    help: "Values that a detector of a redact rule replaced.",
    source: ledger,
    read: (facts) => byDetector(facts, ({ values }) => values),
  },
  {
    name: "streamgate_records_changed_total",
    type: "counter",
    unit: "records",
    labels: ["rule"],
    help: "Records that a redact rule changed.",
    source: ledger,
    read: (facts) => numbersByRule(facts, ({ changed, redacted }) => (redacted.size > 0 ? changed.records : undefined)),
  },
  {
    name: "streamgate_sampled_weight_total",
    type: "counter",
    unit: "records",
    labels: ["rule"],
    help: "Records that those stand for which a sample rule kept by chance.",
    source: ledger,
    read: (facts) => numbersByRule(facts, ({ sampledWeight }) => (sampledWeight > 0 ? sampledWeight : undefined)),
  },
  ...pair({
    name: "quarantined",
    labels: ["cause"],
    what: "that a protect rule could not finish, and that the quarantine took",
    source: ledger,
    read: ({ snapshot: { quarantined } }) => [
      { amount: quarantined.matchLimit, labels: { cause: "match_limit" } },
      { amount: quarantined.outputLimit, labels: { cause: "output_limit" } },
    ],
  }),
  {
    name: "streamgate_records_released_total",
    type: "counter",
    unit: "records",
    labels: [],
    help: "Records received that a command had released from the quarantine.",
    source: ledger,
    read: ({ snapshot }) => one(snapshot.released.records),
  },
  ...pair({
    name: "lost",
    labels: ["cause", "output"],
    what: "that were lost, by cause (docs/status.md); output is empty where they were lost before the outputs",
    source: `${ledger}; cause kernel: the system's count of datagrams that it dropped`,
    read: lostAmounts,
  }),
  ...pair({
    name: "filtered",
    labels: ["output"],
    what: "that passed the rules and that an output's filter or a route kept from it, bytes as written",
    source: ledger,
    read: (facts) => byOutput(facts, ({ filtered }) => filtered),
  }),
  ...pair({
    name: "routed",
    labels: ["output"],
    what: "given to an output, bytes as written",
    source: ledger,
    read: (facts) => byOutput(facts, ({ routed }) => routed),
  }),
  ...pair({
    name: "recovered",
    labels: ["output"],
    what: "found on disk, at the start or when dead letters were put back",
    source: ledger,
    read: (facts) => byOutput(facts, ({ recovered }) => recovered),
  }),
  ...pair({
    name: "delivered",
    labels: ["output"],
    what: "acknowledged by the destination; of a console or a file: handed to its writer",
    source: ledger,
    read: (facts) => byOutput(facts, ({ delivered }) => delivered),
  }),
  ...pair({
    name: "dead_lettered",
    labels: ["output"],
    what: "refused for good and kept",
    source: ledger,
    read: (facts) => byOutput(facts, ({ deadLettered }) => deadLettered),
  }),
  {
    name: "streamgate_delivery_latency_seconds",
    type: "histogram",
    unit: "seconds",
    labels: ["output"],
    help: "From the socket to the destination's acknowledgement, of the oldest record of each payload.",
    source: `${ledger}; what was spooled counts from when it left the rules`,
    read: (facts) =>
      outputsOf(facts).map(([output, { latency }]) => ({
        labels: { output },
        bounds: latencyBoundsS,
        counts: latency.buckets,
        sum: latency.seconds,
      })),
  },
  ...held({
    name: "output_queue",
    labels: ["output"],
    what: "in an output's memory: waiting, in flight, or on the way to the disk",
    source: ledger,
    read: (facts) => byOutput(facts, ({ queued }) => queued),
  }),
  ...held({
    name: "output_spool",
    labels: ["output"],
    what: "in an output's spool on disk, without framing",
    source: ledger,
    read: (facts) => byOutput(facts, ({ spooled }) => spooled),
  }),
  gaugeByOutput(
    "output_spool_disk_bytes",
    "bytes",
    "Size of an output's spool files, dead letters left out.",
    ({ fares }) => fares.spoolDiskBytes,
  ),
  {
    name: "streamgate_output_spool_oldest_timestamp_seconds",
    type: "gauge",
    unit: "seconds since 1970",
    labels: ["output"],
    help: "When the oldest record of an output's spool left the rules; absent while the spool is empty.",
    source: ledger,
    read: (facts) => numbersByOutput(facts, ({ fares }) => fares.spoolOldestMs / 1000).filter(({ value }) => value > 0),
  },
  gaugeByOutput(
    "output_spool_refusing",
    "workers",
    "Workers at which the disk does not take an output's spool.",
    ({ fares }) => fares.spoolRefuses,
  ),
  gaugeByOutput(
    "output_over_limit",
    "workers",
    "Workers at which an output takes no more, gives up records of its own, or cannot write its spool.",
    ({ fares }) => fares.overLimit,
  ),
  {
    name: "streamgate_output_breaker_state",
    type: "gauge",
    unit: "workers",
    labels: ["output", "state"],
    help: "Workers at which an output's circuit breaker is closed, half_open or open; consoles and files have none.",
    source: ledger,
    read: ({ outputs, snapshot }) =>
      outputs.flatMap((output) => {
        const breaker = snapshot.outputs.get(output)?.fares.breaker;
        if (breaker === undefined || breaker.closed + breaker.half_open + breaker.open === 0) return [];
        return Object.entries(breaker).map(([state, value]) => ({ labels: { output, state }, value }));
      }),
  },
  gaugeByOutput(
    "output_failures",
    "requests",
    "Requests of an output that failed in a row.",
    ({ fares }) => fares.failures,
  ),
  gaugeByOutput(
    "output_in_flight",
    "payloads",
    "Payloads of an output that are under way.",
    ({ fares }) => fares.inFlight,
  ),
  gaugeByOutput(
    "output_concurrency",
    "payloads",
    "Payloads of an output that may be under way.",
    ({ fares }) => fares.concurrency,
  ),
  ...held({
    name: "ring",
    labels: ["worker"],
    what: "framed and waiting for the rules in a worker's ring",
    source: "ring's header, in shared memory",
    read: ({ rings }) =>
      rings.map(({ worker, records, bytes }) => ({ amount: { records, bytes }, labels: { worker: String(worker) } })),
  }),
  {
    name: "streamgate_ring_capacity_bytes",
    type: "gauge",
    unit: "bytes",
    labels: ["worker"],
    help: "Size of a worker's ring.",
    source: main,
    read: ({ rings }) =>
      rings.map(({ worker, capacityBytes }) => ({ labels: { worker: String(worker) }, value: capacityBytes })),
  },
  ...pair({
    name: "stream_written",
    labels: [],
    what: "that writers of standard output and of files have written",
    source: "writers, in shared memory",
    read: ({ snapshot }) => [{ amount: snapshot.streams.written }],
  }),
  ...held({
    name: "stream_queue",
    labels: [],
    what: "handed to writers of standard output and of files, and not written",
    source: "writers, in shared memory",
    read: ({ snapshot }) => [{ amount: snapshot.streams.queued }],
  }),
  {
    name: "streamgate_connections",
    type: "gauge",
    unit: "connections",
    labels: ["listener"],
    help: "Open connections.",
    source: ledger,
    read: ({ snapshot: { connections, tlsConnections } }) => [
      { labels: { listener: "tcp" }, value: connections - tlsConnections },
      { labels: { listener: "tls" }, value: tlsConnections },
    ],
  },
  {
    name: "streamgate_connections_refused_total",
    type: "counter",
    unit: "connections",
    labels: ["cause"],
    help: "Connections closed at once: too many (connections), too many of their source (source), no descriptor left (descriptors), no TLS came about (handshake), a client certificate of nobody's (certificate).",
    source: ledger,
    read: ({ snapshot: { listeners: counts } }) => [
      { labels: { cause: "connections" }, value: counts.refusedConnections },
      { labels: { cause: "source" }, value: counts.refusedSource },
      { labels: { cause: "descriptors" }, value: counts.refusedDescriptors },
      { labels: { cause: "handshake" }, value: counts.handshakesFailed },
      { labels: { cause: "certificate" }, value: counts.certificatesRefused },
    ],
  },
  {
    name: "streamgate_connections_timed_out_total",
    type: "counter",
    unit: "connections",
    labels: ["cause"],
    help: "Connections closed because nothing came (idle), or a record took too long (record).",
    source: ledger,
    read: ({ snapshot: { listeners: counts } }) => [
      { labels: { cause: "idle" }, value: counts.closedIdle },
      { labels: { cause: "record" }, value: counts.closedSlow },
    ],
  },
  counter(
    "rate_waits_total",
    "times",
    "How often a connection began to wait because its source was over RATE_PER_SOURCE.",
    ledger,
    ({ snapshot }) => snapshot.listeners.rateWaits,
  ),
  gauge(
    "unfinished_bytes",
    "bytes",
    "Held of records that have no end yet.",
    ledger,
    ({ snapshot }) => snapshot.unfinishedBytes,
  ),
  gauge("memory_budget_bytes", "bytes", "MEMORY_BUDGET.", main, ({ memory }) => memory.budgetBytes),
  gauge(
    "memory_held_bytes",
    "bytes",
    "In rings, queues and stream writers: what a kill would cost now.",
    ledger,
    ({ memory }) => memory.heldBytes,
  ),
  gauge(
    "overload_level",
    "level",
    "How many steps of rules of class reduce are skipped now, 0 to 3.",
    ledger,
    ({ snapshot }) => snapshot.overload.level,
  ),
  counter(
    "overload_entered_total",
    "times",
    "How often rules of class reduce began to be skipped.",
    ledger,
    ({ snapshot }) => snapshot.overload.entered,
  ),
  ...pair({
    name: "bypassed",
    labels: [],
    what: "that passed while rules of class reduce were skipped",
    source: ledger,
    read: ({ snapshot }) => [{ amount: snapshot.overload.bypassed }],
  }),
  ...held({
    name: "quarantine",
    labels: [],
    what: "in the quarantine, bytes as received",
    source: "quarantine's account, in shared memory",
    read: ({ quarantine }) => (quarantine === undefined ? [] : [{ amount: quarantine }]),
  }),
  {
    name: "streamgate_quarantine_disk_bytes",
    type: "gauge",
    unit: "bytes",
    labels: [],
    help: "Size of the quarantine on disk.",
    source: "quarantine's account, in shared memory",
    read: ({ quarantine }) => (quarantine === undefined ? [] : one(quarantine.diskBytes)),
  },
  {
    name: "streamgate_manifest_info",
    type: "gauge",
    unit: "1",
    labels: ["version"],
    help: "The version of the manifest that runs.",
    source: main,
    read: ({ version }) => (version === undefined ? [] : [{ labels: { version }, value: 1 }]),
  },
  gauge("manifest_rules", "rules", "Rules of the manifest that runs.", main, ({ rules }) => rules.length),
  gauge(
    "manifest_outputs",
    "outputs",
    "Outputs that run, the console included where there are no others.",
    main,
    ({ outputs }) => outputs.length,
  ),
  {
    name: "streamgate_manifest_applied_timestamp_seconds",
    type: "gauge",
    unit: "seconds since 1970",
    labels: [],
    help: "When the manifest that runs began to.",
    source: main,
    read: ({ reloads: { appliedAtMs } }) => (appliedAtMs === undefined ? [] : one(appliedAtMs / 1000)),
  },
  {
    name: "streamgate_reloads_total",
    type: "counter",
    unit: "reloads",
    labels: ["result"],
    help: "Manifests that came to run, and that were refused.",
    source: main,
    read: ({ reloads: { applied, refused } }) => [
      { labels: { result: "applied" }, value: applied },
      { labels: { result: "refused" }, value: refused },
    ],
  },
  {
    name: "streamgate_reload_last_success",
    type: "gauge",
    unit: "1 or 0",
    labels: [],
    help: "1 when the manifest that came last runs, 0 when it was refused.",
    source: main,
    read: ({ reloads: { last } }) => (last === undefined ? [] : one(last.result === "applied" ? 1 : 0)),
  },
  {
    name: "streamgate_reverts_total",
    type: "counter",
    unit: "reverts",
    labels: [],
    help: "How often it went back by itself to the reduce rules, or also the outputs, of the version before.",
    source: main,
    read: ({ revert }) => (revert === undefined ? [] : one(revert.reverts)),
  },
  {
    name: "streamgate_revert_alerts_total",
    type: "counter",
    unit: "alerts",
    labels: [],
    help: "Harm seen after a reload that it does not go back from: rules that protect and routes stay.",
    source: main,
    read: ({ revert }) => (revert === undefined ? [] : one(revert.alerts)),
  },
  {
    name: "streamgate_reverted",
    type: "gauge",
    unit: "1 or 0",
    labels: [],
    help: "1 while it runs the reduce rules of the version before the published one, because that did harm.",
    source: main,
    read: ({ revert }) => (revert === undefined ? [] : one(revert.state === "reverted" ? 1 : 0)),
  },
  {
    name: "streamgate_reload_last_duration_seconds",
    type: "gauge",
    unit: "seconds",
    labels: [],
    help: "How long it took until every worker ran the manifest that runs.",
    source: main,
    read: ({ reloads: { appliedTookMs } }) => (appliedTookMs === undefined ? [] : one(appliedTookMs / 1000)),
  },
  gauge("workers", "workers", "Worker threads that there are to be.", main, ({ workers }) => workers),
  gauge("workers_living", "workers", "Worker threads that take requests.", main, ({ living }) => living),
  counter(
    "worker_deaths_total",
    "workers",
    "Worker threads that died and were replaced.",
    main,
    ({ deaths }) => deaths,
  ),
  gauge("ready", "1 or 0", "What /readyz answers: 1 for 200.", main, ({ ready }) => (ready ? 1 : 0)),
  gauge(
    "ledger_imbalance",
    "records and bytes",
    "By how much the account of records and bytes is off; must be 0.",
    ledger,
    ({ snapshot }) => imbalance(snapshot),
  ),
];

interface Amounts {
  /** In the middle of the name: `records_NAME_total`. */
  readonly name: string;
  readonly labels: readonly string[];
  /** Follows "Records". */
  readonly what: string;
  readonly source: string;
  readonly read: (facts: DataFacts) => readonly { readonly amount: Amount; readonly labels?: Sample["labels"] }[];
}

/** The same of records and of bytes, as counters: `streamgate_records_NAME_total`, `streamgate_bytes_NAME_total`. */
function pair({ name, labels, what, source, read }: Amounts): readonly Metric<DataFacts>[] {
  return (["records", "bytes"] as const).map((unit) => ({
    name: `streamgate_${unit}_${name}_total`,
    type: "counter" as const,
    unit,
    labels,
    help: unit === "records" ? `Records ${what}.` : `Bytes of records ${what}.`,
    source,
    read: (facts) => read(facts).map(({ amount, labels = {} }) => ({ labels, value: amount[unit] })),
  }));
}

/** The same as gauges: `streamgate_NAME_records`, `streamgate_NAME_bytes`. */
function held({ name, labels, what, source, read }: Amounts): readonly Metric<DataFacts>[] {
  return (["records", "bytes"] as const).map((unit) => ({
    name: `streamgate_${name}_${unit}`,
    type: "gauge" as const,
    unit,
    labels,
    help: unit === "records" ? `Records ${what}.` : `Bytes of records ${what}.`,
    source,
    read: (facts) => read(facts).map(({ amount, labels = {} }) => ({ labels, value: amount[unit] })),
  }));
}

function single(type: "counter" | "gauge") {
  return (
    name: string,
    unit: string,
    help: string,
    source: string,
    read: (facts: DataFacts) => number,
  ): Metric<DataFacts> => ({
    name: `streamgate_${name}`,
    type,
    unit,
    labels: [],
    help,
    source,
    read: (facts) => one(read(facts)),
  });
}
function gauge(...of: Parameters<ReturnType<typeof single>>): Metric<DataFacts> {
  return single("gauge")(...of);
}
function counter(...of: Parameters<ReturnType<typeof single>>): Metric<DataFacts> {
  return single("counter")(...of);
}

function gaugeByOutput(
  name: string,
  unit: string,
  help: string,
  read: (output: OutputTotals) => number,
): Metric<DataFacts> {
  return {
    name: `streamgate_${name}`,
    type: "gauge",
    unit,
    labels: ["output"],
    help,
    source: ledger,
    read: (facts) => numbersByOutput(facts, read),
  };
}

function one(value: number): Sample[] {
  return [{ value }];
}

/** Outputs of the manifest that runs, and the sum of those that are gone once there is one. */
function outputsOf({ snapshot: { outputs } }: DataFacts): [string, OutputTotals][] {
  return [...outputs].filter(
    ([id, { routed, recovered }]) => id !== retiredOutputs || routed.records + recovered.records > 0,
  );
}

function byOutput(facts: DataFacts, amountOf: (output: OutputTotals) => Amount) {
  return outputsOf(facts).map(([output, totals]) => ({ amount: amountOf(totals), labels: { output } }));
}

function numbersByOutput({ outputs, snapshot }: DataFacts, read: (output: OutputTotals) => number): Sample[] {
  return outputs.flatMap((output) => {
    const totals = snapshot.outputs.get(output);
    return totals === undefined ? [] : [{ labels: { output }, value: read(totals) }];
  });
}

/** Ids with series of their own: rules that run, then those that came first. */
function ruleNames({ rules, snapshot }: DataFacts): ReadonlySet<string> {
  const names = new Set(rules);
  for (const id of snapshot.rules.keys()) {
    if (names.size >= rulesMax) break;
    names.add(id);
  }
  return names;
}

function byRule(facts: DataFacts, amountOf: (rule: RuleTotals) => Amount) {
  const names = ruleNames(facts);
  const former: Amount = { records: 0, bytes: 0 };
  const amounts = [...facts.snapshot.rules].flatMap(([rule, totals]) => {
    const amount = amountOf(totals);
    if (names.has(rule)) return [{ amount, labels: { rule } }];
    former.records += amount.records;
    former.bytes += amount.bytes;
    return [];
  });
  return facts.snapshot.rules.size > names.size
    ? [...amounts, { amount: former, labels: { rule: formerRules } }]
    : amounts;
}

/** Rules of which it is undefined are left out. */
function numbersByRule(facts: DataFacts, read: (rule: RuleTotals) => number | undefined): Sample[] {
  const names = ruleNames(facts);
  let former = 0;
  const samples = [...facts.snapshot.rules].flatMap(([rule, totals]) => {
    const value = read(totals);
    if (value === undefined) return [];
    if (names.has(rule)) return [{ labels: { rule }, value }];
    former += value;
    return [];
  });
  return former > 0 ? [...samples, { labels: { rule: formerRules }, value: former }] : samples;
}

function byDetector(facts: DataFacts, read: (one: { records: number; values: number }) => number): Sample[] {
  const names = ruleNames(facts);
  const former = new Map<string, number>();
  const samples = [...facts.snapshot.rules].flatMap(([rule, { redacted }]) =>
    [...redacted].flatMap(([detector, one]) => {
      if (names.has(rule)) return [{ labels: { rule, detector }, value: read(one) }];
      former.set(detector, (former.get(detector) ?? 0) + read(one));
      return [];
    }),
  );
  return [...samples, ...[...former].map(([detector, value]) => ({ labels: { rule: formerRules, detector }, value }))];
}

function lostAmounts(facts: DataFacts) {
  const { lost, streams } = facts.snapshot;
  return [
    ...Object.entries(lost).map(([cause, amount]) => ({ amount, labels: { cause, output: "" } })),
    { amount: streams.lostClosed, labels: { cause: "closed", output: "" } },
    ...outputsOf(facts).flatMap(([output, totals]) =>
      Object.entries(totals.lost).map(([cause, amount]) => ({ amount, labels: { cause, output } })),
    ),
  ];
}
