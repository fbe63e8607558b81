/** StreamGate itself, one subject an engine. Records for a file go to standard output, which is the file. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Job, Work } from "../work.ts";
import type { Command, Site, Subject } from "./subject.ts";

export interface StreamGate extends Subject {
  readonly rank: "own";
  /** As `command`, with the control API on a port, and drafts that hold the same rules. */
  commandWithControl(job: Job, site: Site, controlPort: number): Command;
}

/** `batch_size` may be 10,000 at most. */
const recordsMax = 10_000;

/** @param checkout a folder with a built StreamGate; absent: this one */
export const streamgate = (engine: "native" | "portable", checkout?: string): StreamGate => {
  const root = checkout ?? fileURLToPath(new URL("../../", import.meta.url));
  const main = join(root, "dist", "commands", "main.js");
  const commandWithControl = (job: Job, site: Site, controlPort: number): Command => {
    const { destination, workers, work } = job;
    const rules = rulesOf(work);
    const outputs =
      destination.kind === "http"
        ? // As its peers do: a full queue makes TCP wait, where our default would go to the disk.
          [{ type: "http", url: `http://127.0.0.1:${site.sinkPort}/logs`, queue: { when_full: "block" } }]
        : [];
    const batchSize = destination.kind === "http" ? destination.records : recordsMax;
    const pipeline = { name: "default_pipeline", processors: rules, outputs, batch_size: batchSize };
    const state = join(site.folder, "control");
    mkdirSync(state, { recursive: true });
    // What `publish` would have left behind.
    writeFileSync(
      join(state, "published.json"),
      JSON.stringify({ version: "1", timestamp: new Date(0).toISOString(), pipelines: [pipeline] }),
    );
    writeFileSync(join(state, "draft.json"), JSON.stringify({ rules, outputs, batch_size: batchSize }));
    const ports = {
      "tcp-port": job.input === "tcp" ? site.port : 0,
      "udp-port": job.input === "udp" ? site.port : 0,
      "control-port": controlPort,
      workers: workers ?? 1,
    };
    return {
      file: process.execPath,
      args: [
        ...[main, "run", "--engine", engine, "--data-dir", site.folder],
        ...Object.entries(ports).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
      ],
      ...(destination.kind !== "http" && { stdout: site.output }),
    };
  };
  return {
    name: engine === "native" ? "streamgate" : "streamgate portable",
    rank: "own",
    missing: () => (existsSync(main) ? undefined : `${main} is not there: run npm ci first`),
    version: () =>
      `${execFileSync(process.execPath, [main, "--version"], { encoding: "utf8" }).trim()}, ${engine} engine`,
    refuses: ({ best }) => (best === true ? "its plain configuration is its best one" : undefined),
    command: (job, site) => commandWithControl(job, site, 0),
    commandWithControl,
    ...(engine === "portable" && { linesMax: 1_000_000 }),
  };
};

function rulesOf({ drop, dropJson, redact, named }: Work): object[] {
  return [
    ...drop.map((value, index) => ({ id: `drop_${index}`, type: "filter", params: { value } })),
    ...(dropJson === undefined
      ? []
      : [
          {
            id: "drop_json",
            type: "attribute_filter",
            params: { path: dropJson.path.join("/"), operator: "equals", value: dropJson.equals },
          },
        ]),
    ...redact.map(({ pattern, replacement }, index) => ({
      id: `redact_${index}`,
      type: "redact",
      params: { pattern, replacement },
    })),
    ...(named === undefined ? [] : [{ id: "detectors", type: "redact", params: { detectors: named } }]),
  ];
}
