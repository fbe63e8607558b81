/** StreamGate itself, one subject an engine: records on standard output, which is the file. */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cardPattern, type Scenario, type Site, type Subject, scenarios, ssnPattern } from "./subject.ts";

const main = fileURLToPath(new URL("../../dist/commands/main.js", import.meta.url));

const rules = [
  { id: "drop_debug", type: "filter", params: { value: "DEBUG" } },
  { id: "ssn", type: "redact", params: { pattern: ssnPattern, replacement: "XXX-XX-XXXX" } },
  { id: "card", type: "redact", params: { pattern: cardPattern, replacement: "[CARD]" } },
];

export const streamgate = (engine: "native" | "portable"): Subject => ({
  name: `streamgate ${engine}`,
  scenarios,
  missing: () => (existsSync(main) ? undefined : "run npm ci first"),
  command(scenario: Scenario, { port, folder, output }: Site) {
    // What `publish` would have left behind.
    const manifest = {
      version: "1",
      timestamp: new Date(0).toISOString(),
      pipelines: [
        { name: "default_pipeline", processors: scenario === "raw" ? [] : rules, outputs: [], batch_size: 10_000 },
      ],
    };
    mkdirSync(join(folder, "control"), { recursive: true });
    writeFileSync(join(folder, "control", "published.json"), JSON.stringify(manifest));
    const ports = ["--tcp-port", String(port), "--udp-port", "0", "--control-port", "0"];
    return {
      file: process.execPath,
      args: [main, "run", "--engine", engine, "--data-dir", folder, ...ports],
      stdout: output,
    };
  },
});
