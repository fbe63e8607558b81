/** Metrics of the process itself, whichever planes it runs. Names of `process_…` are those that Prometheus' client libraries have in common. */

import type { ServedCertificate } from "../tls/served_certificates.ts";
import { version } from "../version.ts";
import type { Metric } from "./metric.ts";

export interface ProcessFacts {
  /** As `GET /status` says it: `native (RE2 1.27.1, avx2)`. */
  readonly engine: { readonly name: string; readonly description: string };
  readonly certificates: readonly ServedCertificate[];
  /** Lines of its own log, by level, and how many more were held back. */
  readonly logged: { readonly lines: Readonly<Record<string, number>>; readonly heldBack: number };
}

const main = "main thread";
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

export const processMetrics: readonly Metric<ProcessFacts>[] = [
  {
    name: "streamgate_build_info",
    type: "gauge",
    unit: "1",
    labels: ["version", "engine", "detail", "node"],
    help: "What runs: StreamGate's version, its engine (native or portable), the engine's parts, and Node.js.",
    source: main,
    read: ({ engine }) => [
      {
        labels: { version, engine: engine.name, detail: engine.description, node: process.versions.node },
        value: 1,
      },
    ],
  },
  {
    name: "streamgate_log_lines_total",
    type: "counter",
    unit: "lines",
    labels: ["level"],
    help: "Lines of StreamGate's own log, those held back or below LOG_LEVEL included.",
    source: main,
    read: ({ logged }) => Object.entries(logged.lines).map(([level, value]) => ({ labels: { level }, value })),
  },
  {
    name: "streamgate_log_lines_held_back_total",
    type: "counter",
    unit: "lines",
    labels: [],
    help: "Lines of the log that were not written because there were too many like them.",
    source: main,
    read: ({ logged }) => [{ value: logged.heldBack }],
  },
  {
    name: "streamgate_tls_certificate_not_after_timestamp_seconds",
    type: "gauge",
    unit: "seconds since 1970",
    labels: ["certificate"],
    help: "When a certificate ends that this process shows, by the setting that names its file: TLS_CERT, CONTROL_TLS_CERT, ADMIN_TLS_CERT.",
    source: main,
    read: ({ certificates }) => {
      // Several gates in one process may each have one of a setting; a series is told once.
      const firstEnds = new Map<string, number>();
      for (const { setting, expiresAtMs } of certificates)
        firstEnds.set(setting, Math.min(expiresAtMs, firstEnds.get(setting) ?? Number.POSITIVE_INFINITY));
      return [...firstEnds].map(([certificate, endsAtMs]) => ({ labels: { certificate }, value: endsAtMs / 1000 }));
    },
  },
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    unit: "seconds",
    labels: [],
    help: "CPU time of all threads, user and system.",
    source: "process",
    read: () => [{ value: cpu() }],
  },
  {
    name: "process_resident_memory_bytes",
    type: "gauge",
    unit: "bytes",
    labels: [],
    help: "Resident memory.",
    source: "process",
    read: () => [{ value: process.memoryUsage.rss() }],
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    unit: "seconds since 1970",
    labels: [],
    help: "When the process started.",
    source: "process",
    read: () => [{ value: performance.timeOrigin / 1000 }],
  },
];
