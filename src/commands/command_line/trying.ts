/** The commands that try rules and outputs without a gate: on standard input, files, rule tests; and a receiver. */

import type { Command } from "commander";
import { StreamGateError } from "../../errors.ts";
import { parseFraming } from "../../settings/framing.ts";
import { readSettings } from "../../settings/settings.ts";
import { collect, collectNames, finish, readNumber, withSettings } from "./options.ts";

interface PipeFlags {
  rules?: string;
  drop?: string[];
  redact?: string[];
  redactPattern?: string[];
  replacement?: string[];
  engine?: string;
  maxRecordBytes?: string;
  framing?: string;
  quarantine?: string;
  stats?: boolean;
}

const pipeSettings = ["engine", "maxRecordBytes", "quarantineMaxBytes"] as const;

interface TestFlags {
  readonly rules?: string;
  readonly json?: boolean;
  readonly engine?: string;
}

interface ProveFlags {
  readonly rules: string;
  readonly prices?: string;
  readonly hours?: string;
  readonly json?: boolean;
}

const proveSettings = ["engine", "maxRecordBytes", "prices"] as const;

export function addTrying(program: Command): void {
  const pipe = program
    .command("pipe")
    .description("standard input → rules → standard output")
    .option("--rules <file>", "JSON file: a list of rules, streamgate.json, or a manifest")
    .option("--drop <text>", "drop records that contain this text (repeatable)", collect)
    .option(
      "--redact <detectors>",
      "replace what these detectors or groups find, such as credit_card,us_ssn or all (repeatable)",
      collectNames,
    )
    .option("--redact-pattern <re>", "replace every match of this RE2 pattern (repeatable)", collect)
    .option(
      "--replacement <text>",
      "RE2 rewrite for the --redact-pattern at the same position (default: [REDACTED])",
      collect,
    )
    .option(
      "--framing <framing>",
      "how the input is cut into records: newline, auto, octet, nul, length32 or delimiter:TEXT (default: newline)",
    )
    .option(
      "--quarantine <directory>",
      "keep there, encrypted, what a protect rule could not finish (docs/quarantine.md)",
    )
    .option("--stats", "print counts as JSON on standard error at the end")
    .addHelpText(
      "after",
      "\nExit status: 0; 1 when the rules are refused; 3 when a protect rule could not finish a record, which was withheld.",
    )
    .action(async (flags: PipeFlags) => {
      const {
        rules,
        drop = [],
        redact = [],
        redactPattern = [],
        replacement = [],
        framing,
        quarantine,
        stats = false,
        ...given
      } = flags;
      const { command } = await import("../pipe.ts");
      return finish(
        await command({
          ...readSettings({ flags: given, env: process.env }, pipeSettings),
          ...(rules !== undefined && { rules }),
          ...(framing !== undefined && { framing: readFraming(framing) }),
          ...(quarantine !== undefined && { quarantine }),
          drop,
          redact,
          redactPattern,
          replacement,
          stats,
        }),
      );
    });
  withSettings(pipe, pipeSettings);

  const check = program
    .command("check")
    .description("validate rules, a configuration file or a manifest; exit 1 with the field and the reason")
    .argument("<file>", "JSON file: a list of rules, streamgate.json, or a manifest; - reads standard input")
    .action(async (file: string, flags: { engine?: string }) => {
      const { command } = await import("../check.ts");
      return finish(await command({ file, ...readSettings({ flags, env: process.env }, ["engine"]) }));
    });
  withSettings(check, ["engine"]);

  const test = program
    .command("test")
    .description("run rule tests: records that go in, and what should come of them (docs/rule_tests.md)")
    .argument("<file...>", "JSON files with tests; - reads standard input")
    .option("--rules <file>", "rules for files that name none: a JSON list of rules, or a manifest")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExit status: 0; 1 when a test fails or a file is refused.")
    .action(async (files: string[], { rules, json = false, ...given }: TestFlags) => {
      const { command } = await import("../test.ts");
      const { engine } = readSettings({ flags: { ...given }, env: process.env }, ["engine"]);
      return finish(
        await command({ files, json, ...(rules !== undefined && { rules }), ...(engine !== undefined && { engine }) }),
      );
    });
  withSettings(test, ["engine"]);

  const prove = program
    .command("prove")
    .description(
      "what rules would have saved on records that were kept, and what they would have dropped (docs/prove.md)",
    )
    .argument("<file...>", "files of lines, plain or packed with gzip or zstd; - reads standard input")
    .requiredOption("--rules <file>", "JSON file: a list of rules, streamgate.json, or a manifest")
    .option("--hours <n>", "time that the records are of, for dollars a month (default: what their own times say)")
    .option("--json", "print JSON")
    .action(async (files: string[], { rules, hours, json = false, ...given }: ProveFlags) => {
      const { command } = await import("../prove.ts");
      const { prices, ...settings } = readSettings({ flags: { ...given }, env: process.env }, proveSettings);
      return finish(
        await command({
          ...{ files, rules, prices, json, ...settings },
          ...(hours !== undefined && { hours: readHours(hours) }),
        }),
      );
    });
  withSettings(prove, proveSettings);

  program
    .command("schema")
    .description("print the JSON Schema of streamgate.json, for editors (docs/config_file.md)")
    .action(async () => {
      const { command } = await import("../schema.ts");
      return finish(await command());
    });

  program
    .command("sink")
    .description("a receiver for trying outputs: prints each request and answers 200")
    .option("--port <port>", "port to listen on; 0: any free port", "9000")
    .option("--host <address>", "address to listen on, such as localhost; absent: all")
    .option("--status <code>", "answer this status instead of 200, to see what a failing destination does", "200")
    .action(async ({ port, host, status }: { port: string; host?: string; status: string }) => {
      const { command } = await import("../sink.ts");
      return finish(
        await command({
          port: readNumber("--port", port, 0, 65_535),
          ...(host !== undefined && { host }),
          status: readNumber("--status", status, 200, 599),
        }),
      );
    });
}

function readFraming(text: string) {
  try {
    return parseFraming(text);
  } catch (error) {
    throw new StreamGateError("SG_SETTING", {
      where: "--framing",
      what: `${JSON.stringify(text)} ${(error as Error).message}`,
      fix: "give newline, auto, octet, nul, length32 or delimiter:TEXT",
    });
  }
}

function readHours(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= 100_000) return value;
  const what = `${JSON.stringify(text)} is no time in hours`;
  throw new StreamGateError("SG_SETTING", { where: "--hours", what, fix: "give a number above 0, such as 24 or 0.5" });
}
