/**
 * Vector: drops and replacements in one VRL program. Follows the documentation of 0.5x; not validated by a run of this bench yet,
 * which the judge makes safe: what it gets wrong shows as lost, altered or leaked.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, firstLineOf, whyMissing } from "../programs.ts";
import type { Job, Work } from "../work.ts";
import { quoted, type Site, type Subject } from "./subject.ts";

export const vector = (path: string | undefined): Subject => ({
  name: "vector",
  rank: "peer",
  missing: () => whyMissing("vector", findProgram("vector", path), ["--version"]),
  version: () => firstLineOf(findProgram("vector", path)!, ["--version"]),
  refuses: ({ best, work }) =>
    best === true && work.redact.length === 0 ? "its plain configuration is its best one" : undefined,
  command(job, site) {
    // JSON is YAML, and Vector reads it by the file's ending.
    const config = join(site.folder, "vector.json");
    const state = join(site.folder, "state");
    mkdirSync(state, { recursive: true });
    writeFileSync(config, JSON.stringify(configOf(job, site, state), null, 2));
    const threads = job.workers === undefined ? [] : ["--threads", String(job.workers)];
    return {
      file: findProgram("vector", path)!,
      args: ["--config", config, "--quiet", ...threads],
      ...(job.destination.kind === "fifo" && { stdout: site.output }),
    };
  },
});

function configOf({ input, work, destination, best }: Job, { port, output, sinkPort }: Site, state: string): object {
  const program = programOf(work, best === true);
  const inputs = [program === "" ? "in" : "work"];
  const sinks = {
    file: { type: "file", inputs, path: output, encoding: { codec: "text" } },
    fifo: { type: "console", inputs, target: "stdout", encoding: { codec: "text" } },
    http: {
      ...{ type: "http", inputs, uri: `http://127.0.0.1:${sinkPort}/logs`, method: "post" },
      ...{ encoding: { codec: "text" }, framing: { method: "newline_delimited" } },
      batch: {
        max_events: destination.kind === "http" ? destination.records : 1,
        max_bytes: 2_097_152,
        timeout_secs: 0.2,
      },
    },
  };
  const socket = { type: "socket", mode: input, address: `127.0.0.1:${port}`, max_length: 65_536 };
  return {
    data_dir: state,
    sources: { in: { ...socket, ...(input === "udp" && { receive_buffer_bytes: 4_194_304 }) } },
    ...(program !== "" && {
      transforms: { work: { type: "remap", inputs: ["in"], drop_on_abort: true, source: program } },
    }),
    sinks: { out: sinks[destination.kind] },
  };
}

/** Best: a regular expression that does not match makes no new string. */
function programOf({ drop, dropJson, redact }: Work, best: boolean): string {
  const statements = drop.map((literal) => `if contains(line, ${quoted(literal)}) { abort }`);
  if (dropJson !== undefined) {
    const value = `parsed.${dropJson.path.map(quoted).join(".")}`;
    statements.push(
      "parsed, err = parse_json(line)",
      `if err == null && ${value} == ${quoted(dropJson.equals)} { abort }`,
    );
  }
  for (const { pattern, replacement } of redact) {
    const replace = `line = replace(line, r'${pattern}', ${quoted(replacement)})`;
    statements.push(best ? `if match(line, r'${pattern}') { ${replace} }` : replace);
  }
  if (statements.length === 0) return "";
  return ["line = string!(.message)", ...statements, ...(redact.length > 0 ? [".message = line"] : [])].join("\n");
}
