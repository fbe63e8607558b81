/**
 * OpenTelemetry Collector with tcplog, udplog, filter, transform, batch, file and otlphttp. The file exporter writes OTLP JSON (45 % more
 * bytes) and HTTP is OTLP/JSON, so its lines cannot be compared: records are counted, and planted values looked for.
 *
 * Built as 0.160.0; it can be made with the collector builder from the components named in `components`.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, firstLineOf, whyMissing } from "../programs.ts";
import type { Job, Work } from "../work.ts";
import { quoted, type Site, type Subject } from "./subject.ts";

export const components = ["tcplog", "udplog", "filter", "transform", "batch", "file", "otlphttp"] as const;

const program = (path: string | undefined) =>
  findProgram("otelcol", path) ?? (path === undefined ? findProgram("otelcol-contrib") : undefined);

export const otelcol = (path: string | undefined): Subject => ({
  name: "otelcol",
  rank: "peer",
  missing: () => whyMissing("otelcol", program(path), ["--version"]),
  version: () => firstLineOf(program(path)!, ["--version"]),
  refuses: ({ best }) => (best === true ? "its plain configuration is its best one" : undefined),
  marker: () => '"body":{"stringValue":',
  command(job, site) {
    // JSON is YAML.
    const config = join(site.folder, "otelcol.yaml");
    writeFileSync(config, JSON.stringify(configOf(job, site), null, 2));
    return { file: program(path)!, args: ["--config", config] };
  },
});

function configOf({ input, work, destination }: Job, { port, output, sinkPort }: Site): object {
  const receiver = input === "tcp" ? "tcplog" : "udplog";
  const exporter = destination.kind === "http" ? "otlphttp" : "file";
  const records = destination.kind === "http" ? destination.records : 8192;
  const conditions = conditionsOf(work);
  const statements = work.redact.map(
    ({ pattern, replacement }) => `replace_pattern(body, ${quoted(pattern)}, ${quoted(replacement)})`,
  );
  const processors = {
    ...(conditions.length > 0 && { filter: { logs: { log_record: conditions } } }),
    ...(statements.length > 0 && { transform: { log_statements: [{ context: "log", statements }] } }),
    batch: {
      send_batch_size: records,
      send_batch_max_size: destination.kind === "http" ? records : 0,
      timeout: "200ms",
    },
  };
  return {
    receivers: { [receiver]: { listen_address: `127.0.0.1:${port}` } },
    processors,
    exporters: {
      [exporter]:
        destination.kind === "http"
          ? { endpoint: `http://127.0.0.1:${sinkPort}`, compression: "none", encoding: "json" }
          : { path: output, flush_interval: "200ms" },
    },
    service: {
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
      pipelines: { logs: { receivers: [receiver], processors: Object.keys(processors), exporters: [exporter] } },
    },
  };
}

function conditionsOf({ drop, dropJson }: Work): string[] {
  const conditions = drop.map((literal) => `IsMatch(body, ${quoted(literal)})`);
  if (dropJson !== undefined) {
    const value = `ParseJSON(body)${dropJson.path.map((key) => `[${quoted(key)}]`).join("")}`;
    conditions.push(`${value} == ${quoted(dropJson.equals)}`);
  }
  return conditions;
}
