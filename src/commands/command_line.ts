/**
 * The command line: what each command is called, takes and says about itself. Each command's code is loaded when it runs, so
 * that `pipe` starts without Fastify and `check` without sockets.
 */

import { Command, CommanderError, Option } from "commander";
import type { SpoolKind } from "../data/delivery/spool/places.ts";
import { StreamGateError } from "../errors.ts";
import { parseFraming } from "../settings/framing.ts";
import { defaultText, readSettings, type SettingKey, settingSchema, spellings } from "../settings/settings.ts";
import { print } from "./print.ts";
import type { QuarantineTarget } from "./quarantine_target.ts";
import type { SpoolTarget } from "./spool_target.ts";

/** Exit status of a wrong command line, as in most Unix tools; anything else that goes wrong is 1. */
const exitUsage = 2;

const recordSettings: readonly SettingKey[] = [
  "tcpPort",
  "udpPort",
  "host",
  "tcpFraming",
  "tcpListener",
  "shardBy",
  "sharePorts",
  "workers",
  "engine",
  "maxRecordBytes",
  "ringSlots",
  "ringBytes",
  "queueBytes",
  "memoryBudget",
  "overload",
  "quarantineMaxBytes",
  "quarantineMaxDays",
  "shutdownTimeoutMs",
  "adminPort",
  "adminHost",
];
const controlSettings: readonly SettingKey[] = ["controlPort", "controlHost", "token", "prices"];
const sharedSettings: readonly SettingKey[] = [
  "redisUrl",
  "redisHost",
  "redisPort",
  "dataDir",
  "logFormat",
  "logLevel",
];

const program = new Command("streamgate")
  .description(
    "Observability firewall: drops noise and redacts personal data from logs before they reach the vendors that bill for them.",
  )
  .option("-V, --version", "the version, the engine that runs here and its kernel")
  .showHelpAfterError("(add --help for what there is)")
  .addHelpText(
    "after",
    "\nWithout a command, `run` is meant: streamgate --tcp-port 9081 starts the gate on another port.",
  )
  .configureOutput({ writeOut: print })
  .exitOverride();

/** Ends the parsing, as --help does, before any command starts. */
const versionAsked = "streamgate.version";
program.on("option:version", () => {
  throw new CommanderError(0, versionAsked, "");
});

program
  .command("run", { isDefault: true })
  .description("both planes in one process (the default)")
  .allowExcessArguments()
  .configureHelp({ showGlobalOptions: false });
const run = program.commands[0]!;
withSettings(run, [...recordSettings, ...controlSettings, ...sharedSettings]).action(
  async (options, command: Command) => {
    // `run` is the default, so a misspelt command arrives here as its argument.
    const [stray] = command.args;
    if (stray !== undefined) program.error(`error: unknown command '${stray}'`);
    const { command: start } = await import("./run.ts");
    return finish(await start(readSettings({ flags: options, env: process.env })));
  },
);

withSettings(
  program.command("control").description("the control API alone; publishes through Redis (default: localhost:6379)"),
  [...controlSettings, "engine", "shutdownTimeoutMs", ...sharedSettings],
).action(async (options) => {
  const { command } = await import("./control.ts");
  return finish(await command(readSettings({ flags: options, env: process.env })));
});

withSettings(
  program.command("data").description("the data plane alone; takes its manifest from Redis (default: localhost:6379)"),
  [...recordSettings, ...sharedSettings],
).action(async (options) => {
  const { command } = await import("./data.ts");
  return finish(await command(readSettings({ flags: options, env: process.env })));
});

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

const pipe = program
  .command("pipe")
  .description("standard input → rules → standard output")
  .option("--rules <file>", "JSON file: a list of rules, or a manifest")
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
    const { command } = await import("./pipe.ts");
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
  .description("validate a file of rules or a manifest; exit 1 with the field and the reason")
  .argument("<file>", "JSON file: a list of rules, or a manifest; - reads standard input")
  .action(async (file: string, flags: { engine?: string }) => {
    const { command } = await import("./check.ts");
    return finish(await command({ file, ...readSettings({ flags, env: process.env }, ["engine"]) }));
  });
withSettings(check, ["engine"]);

interface TestFlags {
  readonly rules?: string;
  readonly json?: boolean;
  readonly engine?: string;
}

const test = program
  .command("test")
  .description("run rule tests: records that go in, and what should come of them (docs/rule_tests.md)")
  .argument("<file...>", "JSON files with tests; - reads standard input")
  .option("--rules <file>", "rules for files that name none: a JSON list of rules, or a manifest")
  .option("--json", "print JSON")
  .addHelpText("after", "\nExit status: 0; 1 when a test fails or a file is refused.")
  .action(async (files: string[], { rules, json = false, ...given }: TestFlags) => {
    const { command } = await import("./test.ts");
    const { engine } = readSettings({ flags: { ...given }, env: process.env }, ["engine"]);
    return finish(
      await command({ files, json, ...(rules !== undefined && { rules }), ...(engine !== undefined && { engine }) }),
    );
  });
withSettings(test, ["engine"]);

interface ProveFlags {
  readonly rules: string;
  readonly prices?: string;
  readonly hours?: string;
  readonly json?: boolean;
}

const proveSettings = ["engine", "maxRecordBytes", "prices"] as const;

const prove = program
  .command("prove")
  .description(
    "what rules would have saved on records that were kept, and what they would have dropped (docs/prove.md)",
  )
  .argument("<file...>", "files of lines, plain or packed with gzip or zstd; - reads standard input")
  .requiredOption("--rules <file>", "JSON file: a list of rules, or a manifest")
  .option("--hours <n>", "time that the records are of, for dollars a month (default: what their own times say)")
  .option("--json", "print JSON")
  .action(async (files: string[], { rules, hours, json = false, ...given }: ProveFlags) => {
    const { command } = await import("./prove.ts");
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
  .command("sink")
  .description("a receiver for trying outputs: prints each request and answers 200")
  .option("--port <port>", "port to listen on, on both loopback addresses; 0: any free port", "9000")
  .option("--status <code>", "answer this status instead of 200, to see what a failing destination does", "200")
  .action(async ({ port, status }: { port: string; status: string }) => {
    const { command } = await import("./sink.ts");
    return finish(
      await command({
        port: readNumber("--port", port, 0, 65_535),
        status: readNumber("--status", status, 200, 599),
      }),
    );
  });

interface SpoolFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** A command over lanes on disk: `[output] [lane]`, or `<output> [lane]` where it would print everything. */
function withLanes(
  parent: Command,
  name: string,
  kind: SpoolKind,
  output: "[output]" | "<output>",
  about: string,
  load: () => Promise<{ command: (options: SpoolTarget & { readonly json: boolean }) => Promise<number> }>,
): void {
  const command = parent
    .command(name)
    .description(about)
    .argument(output, "id of the output")
    .argument("[lane]", "one lane of it, such as w0")
    .option("--json", "print JSON")
    .action(async (output: string | undefined, lane: string | undefined, { json = false, ...given }: SpoolFlags) => {
      const { command: run } = await load();
      const { dataDir } = readSettings({ flags: { ...given }, env: process.env }, ["dataDir"]);
      return finish(await run({ dataDir, kind, output, lane, json }));
    });
  withSettings(command, ["dataDir"]);
}

const spool = program
  .command("spool")
  .description("what waits on disk for its output, of a running or a stopped instance (docs/spool.md)");
withLanes(spool, "ls", "spool", "[output]", "each lane and what it holds", () => import("./spool_ls.ts"));
withLanes(
  spool,
  "inspect",
  "spool",
  "<output>",
  "every group and every damage, where it lies; no record's content",
  () => import("./spool_inspect.ts"),
);
withLanes(
  spool,
  "verify",
  "spool",
  "[output]",
  "reads everything; exit status 1 when something is damaged",
  () => import("./spool_verify.ts"),
);
withLanes(
  spool,
  "repair",
  "spool",
  "[output]",
  "rewrites damaged segments with their good groups; instance stopped",
  () => import("./spool_repair.ts"),
);
withLanes(
  spool,
  "export",
  "spool",
  "<output>",
  "the records on standard output, each followed by a newline",
  () => import("./spool_export.ts"),
);

const deadLetter = program.command("dead-letter").description("what outputs refused for good, and why (docs/spool.md)");
withLanes(deadLetter, "ls", "dead_letters", "[output]", "each lane and what it holds", () => import("./spool_ls.ts"));
withLanes(
  deadLetter,
  "export",
  "dead_letters",
  "<output>",
  "the records on standard output, each followed by a newline; --json: with the reason",
  () => import("./spool_export.ts"),
);
withLanes(
  deadLetter,
  "retry",
  "dead_letters",
  "<output>",
  "moves them into the output's spool, to be sent again",
  () => import("./dead_letter_retry.ts"),
);

interface QuarantineFlags {
  readonly dataDir?: string;
  readonly rule?: string;
  readonly olderThan?: string;
  readonly all?: boolean;
  readonly withoutRule?: boolean;
  readonly content?: boolean;
  readonly json?: boolean;
}

const quarantine = program
  .command("quarantine")
  .description("records that a protect rule could not finish, of a running or a stopped instance (docs/quarantine.md)");

/** A command over groups of the quarantine. */
function withGroups(
  name: string,
  ids: string,
  about: string,
  run: (target: QuarantineTarget & { readonly json: boolean }, flags: QuarantineFlags) => Promise<number>,
): Command {
  const command = quarantine
    .command(name)
    .description(about)
    .argument(ids, "ids of groups, or the beginning of one")
    .option("--json", "print JSON")
    .action(async (given: string | string[], flags: QuarantineFlags) => {
      const { dataDir } = readSettings({ flags: { ...flags }, env: process.env }, ["dataDir"]);
      const { rule, olderThan, all = false, json = false } = flags;
      const days = olderThan === undefined ? undefined : readNumber("--older-than", olderThan, 0, 36_500);
      const beforeMs = days === undefined ? undefined : Date.now() - days * 24 * 3600 * 1000;
      return finish(await run({ dataDir, ids: [given].flat(), rule, beforeMs, all, json }, flags));
    });
  return withSettings(command, ["dataDir"]);
}

withGroups("ls", "[ids...]", "each group: when, which rule, why, how much; no record's content", async (target) =>
  (await import("./quarantine_ls.ts")).command(target),
).option("--rule <id>", "only what this rule withheld");
withGroups(
  "inspect",
  "<id>",
  "one group record by record: when, from where, which rule, why",
  async ({ dataDir, ids, json }, { content = false }) =>
    (await import("./quarantine_inspect.ts")).command({ dataDir, id: ids[0]!, content, json }),
).option("--content", "print the records too, each as a JSON string: what a rule was to hold");
withGroups(
  "release",
  "[ids...]",
  "runs records again, through the rules that are published now, and sends on what they can finish",
  async (target, { withoutRule = false }) =>
    (await import("./quarantine_release.ts")).command({ ...target, withoutRule }),
)
  .option("--rule <id>", "only what this rule withheld")
  .option("--all", "everything")
  .option("--without-rule", "also what was withheld by a rule that is not published any more: nothing may hold it now");
withGroups("purge", "[ids...]", "removes groups for good", async (target) =>
  (await import("./quarantine_purge.ts")).command(target),
)
  .option("--rule <id>", "only what this rule withheld")
  .option("--older-than <days>", "only what was received more than so many days ago")
  .option("--all", "everything, what is damaged too");

try {
  await program.parseAsync().catch(async (error) => {
    if (!(error instanceof CommanderError) || error.code !== versionAsked) throw error;
    const { command } = await import("./version.ts");
    finish(await command());
  });
} catch (error) {
  process.exitCode = explain(error);
}

/** A command that ends by itself gives its exit status; one that serves gives none and keeps the process alive. */
function finish(status: unknown): void {
  if (typeof status === "number") process.exitCode = status;
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsage;
  if (error instanceof StreamGateError) {
    process.stderr.write(`streamgate: ${error.message}\n`);
    return error.code === "SG_SETTING" ? exitUsage : 1;
  }
  process.stderr.write(`streamgate: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}

/** Gives a command one option for each setting, described by the table of settings. */
function withSettings(command: Command, keys: readonly SettingKey[]): Command {
  for (const key of keys) {
    const { flag, env, placeholder } = spellings[key];
    const fallback = defaultText(key);
    const option = placeholder === undefined ? `--${flag}` : `--${flag} <${placeholder}>`;
    const about = `${settingSchema(key).description} [${env}${fallback === undefined ? "" : `, default ${fallback}`}]`;
    command.addOption(new Option(option, about));
  }
  return command;
}

/** Names between commas, of every time that the flag is given. */
function collectNames(value: string, before: string[] = []): string[] {
  return [
    ...before,
    ...value
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  ];
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
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

function readNumber(where: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new StreamGateError("SG_SETTING", {
    where,
    what: `${JSON.stringify(text)} is no number from ${min} to ${max}`,
    fix: "give one",
  });
}
