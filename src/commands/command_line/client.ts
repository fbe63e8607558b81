/** The commands that ask a control API: rules, outputs, publishing, watching. */

import type { Command } from "commander";
import { StreamGateError } from "../../errors.ts";
import { readSettings } from "../../settings/settings.ts";
import type { Connection } from "../client/connection.ts";
import { finish, readNumber, withSettings } from "./options.ts";

/** Of commands whose 1 means that something differs, as of `diff`. */
const exitTrouble = 2;

const clientSettings = ["url", "token", "ca", "clientCert", "clientKey"] as const;

interface ClientFlags {
  readonly url?: string;
  readonly token?: string;
  readonly ca?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly json?: boolean;
}

type Asking<O> = { readonly command: (connection: Connection, options: O) => Promise<number> };

/**
 * Gives a command its options of a client and its action.
 * @param load the command's file; loaded when it runs
 * @param options what it is given, made of the arguments and flags
 * @param trouble exit status when something goes wrong
 */
function asks<O, A extends readonly unknown[]>(
  command: Command,
  load: () => Promise<Asking<O>>,
  options: (flags: Readonly<Record<string, unknown>> & { readonly json: boolean }, ...args: A) => O,
  trouble: (options: O) => number = () => 1,
): Command {
  command.option("--json", "print JSON").action(async (...given: unknown[]) => {
    const args = given.slice(0, -2) as unknown as A;
    const flags = given.at(-2) as ClientFlags & Record<string, unknown>;
    const { json = false } = flags;
    const asked = options({ ...flags, json }, ...args);
    const target = readSettings({ flags: { ...flags } as Record<string, string>, env: process.env }, clientSettings);
    const [{ Connection }, { command: run }] = await Promise.all([import("../client/connection.ts"), load()]);
    const connection = new Connection(target);
    try {
      finish(await run(connection, asked));
    } catch (error) {
      if (!(error instanceof StreamGateError) || error.code === "SG_SETTING") throw error;
      const { code, where, what, fix } = error;
      if (json)
        process.stderr.write(`${JSON.stringify({ detail: error.message, error: { code, where, what, fix } })}\n`);
      else process.stderr.write(`streamgate: ${error.message}\n`);
      finish(trouble(asked));
    } finally {
      await connection.close();
    }
  });
  return withSettings(command, clientSettings);
}

export function addClient(program: Command): void {
  addRules(program.command("rules").description("the draft's rules, in the order in which they run (docs/cli.md)"));
  addOutputs(program.command("outputs").description("the draft's outputs (docs/cli.md)"));
  addPublishing(program);
  addWatching(program);
}

function addRules(rules: Command): void {
  asks(
    rules.command("ls").description("each rule: type, state, parameters"),
    () => import("../rules_ls.ts"),
    ({ json }) => ({ json }),
  );
  asks(
    rules
      .command("add")
      .description("add a rule at the end, or before another one")
      .argument("[id]", "name of the rule")
      .argument("[type]", "filter, redact, attribute_filter, route, sample, dedupe or throttle")
      .argument("[name=value...]", "parameters; a list with commas, an object as JSON")
      .option("-f, --file <file>", "a rule as JSON, or a list of them; - reads standard input")
      .option("--before <id>", "insert it before this rule")
      .option("--when <condition>", "the records that it looks at, as JSON (docs/conditions.md)")
      .option("--shadow", "it changes nothing, and counts what it would do")
      .option("--protect", "never skip it under load")
      .option("--disabled", "it does nothing until it is enabled")
      .addHelpText(
        "after",
        "\nExamples:\n  streamgate rules add drop_debug filter value=DEBUG\n  streamgate rules add no_cards redact detectors=credit_card,us_ssn\n  streamgate rules add no_health filter 'pattern=GET /health(z|check)' --shadow",
      ),
    () => import("../rules_add.ts"),
    (flags, id: string | undefined, type: string | undefined, params: string[]) => ({
      ...{ id, type, params, json: flags.json },
      file: flags.file as string | undefined,
      before: flags.before as string | undefined,
      when: flags.when as string | undefined,
      shadow: flags.shadow === true,
      protect: flags.protect === true,
      disabled: flags.disabled === true,
    }),
  );
  asks(
    rules.command("rm").description("take rules out").argument("<id...>", "names of rules"),
    () => import("../rules_rm.ts"),
    ({ json }, ids: string[]) => ({ ids, json }),
  );
  for (const enabled of [true, false])
    asks(
      rules
        .command(enabled ? "enable" : "disable")
        .description(enabled ? "switch rules on" : "switch rules off; they stay in their places")
        .argument("<id...>", "names of rules"),
      () => import("../rules_enable.ts"),
      ({ json }, ids: string[]) => ({ ids, enabled, json }),
    );
  asks(
    rules
      .command("preview")
      .description("what the rules would do to lines, or to records that just passed; changes nothing (docs/shadow.md)")
      .argument("[file]", "lines; absent or -: standard input")
      .option("--recent <n>", "instead of lines: so many records that just passed, without what protect rules hide")
      .option("--rules <file>", "try these instead of the draft's: a JSON list of rules, or rules and outputs"),
    () => import("../rules_preview.ts"),
    (flags, file: string | undefined) => ({
      ...{ file, json: flags.json },
      recent: flags.recent === undefined ? undefined : readNumber("--recent", String(flags.recent), 1, 200),
      rules: flags.rules as string | undefined,
    }),
  );
}

function addOutputs(outputs: Command): void {
  asks(
    outputs.command("ls").description("each output: id, type, fields; secrets are hidden"),
    () => import("../outputs_ls.ts"),
    ({ json }) => ({ json }),
  );
  asks(
    outputs
      .command("add")
      .description("add an output")
      .argument("[type]", "console, file, http, datadog, splunk_hec or cloudwatch")
      .argument("[name=value...]", "its fields; a list with commas, an object as JSON")
      .option("--id <id>", "its name; absent: made up from type and destination")
      .option("-f, --file <file>", "an output as JSON, or a list of them; - reads standard input")
      .addHelpText(
        "after",
        `\nExamples:\n  streamgate outputs add http url=http://localhost:9000\n  streamgate outputs add datadog 'api_key={"env":"DD_API_KEY"}' service=payments --id datadog`,
      ),
    () => import("../outputs_add.ts"),
    (flags, type: string | undefined, fields: string[]) => ({
      ...{ type, fields, json: flags.json },
      id: flags.id as string | undefined,
      file: flags.file as string | undefined,
    }),
  );
  asks(
    outputs.command("rm").description("take outputs out").argument("<id...>", "names of outputs"),
    () => import("../outputs_rm.ts"),
    ({ json }, ids: string[]) => ({ ids, json }),
  );
  asks(
    outputs.command("clear").description("take all of them out: records then go to the console"),
    () => import("../outputs_clear.ts"),
    ({ json }) => ({ json }),
  );
  asks(
    outputs
      .command("test")
      .description(
        "send one record to an output, and tell what its destination answered; exit 1 when it did not take it",
      )
      .argument("<id>", "name of the output"),
    () => import("../outputs_test.ts"),
    ({ json }, id: string) => ({ id, json }),
  );
}

/** What goes with a version that a command makes. */
function withPublishing(command: Command): Command {
  return command
    .option("--comment <text>", "why, for the list of versions")
    .option("--wait [seconds]", "wait until every data plane runs it, 5 seconds by default; exit 1 when one does not")
    .option("--no-revert", "data planes do not go back from it by themselves, whatever it does (docs/versions.md)")
    .option("--expect-drop", "it is meant to drop most records: that is no reason to go back");
}

function publishingOf({ comment, wait, revert, expectDrop }: Readonly<Record<string, unknown>>) {
  return {
    comment: comment as string | undefined,
    waitSeconds: readWait(wait),
    revert: revert !== false,
    expectDrop: expectDrop === true,
  };
}

function addPublishing(program: Command): void {
  asks(
    withPublishing(program.command("publish").description("make the draft the next version; data planes then run it")),
    () => import("../publish.ts"),
    (flags) => ({ ...publishingOf(flags), json: flags.json }),
  );
  asks(
    withPublishing(
      program
        .command("rollback")
        .description("publish an earlier version again, as a new one")
        .argument("<version>", "its number, of `streamgate versions`"),
    ),
    () => import("../rollback.ts"),
    (flags, version: string) => ({
      ...publishingOf(flags),
      version: readNumber("version", version, 1, Number.MAX_SAFE_INTEGER),
      json: flags.json,
    }),
  );
  asks(
    program
      .command("versions")
      .description("what was published, when, by whom and why, the newest first; or one of them whole")
      .argument("[version]", "number of one version, to see its manifest")
      .option("--limit <n>", "how many at most"),
    () => import("../versions.ts"),
    ({ json, limit }, version: string | undefined) => ({
      version: version === undefined ? undefined : readNumber("version", version, 1, Number.MAX_SAFE_INTEGER),
      limit: limit === undefined ? undefined : readNumber("--limit", String(limit), 1, 100),
      json,
    }),
  );
  asks(
    program
      .command("diff")
      .description("what one version says differently from another; exit 1 when they differ")
      .argument("[from]", "a version's number, published (the default) or draft")
      .argument("[to]", "likewise; absent: draft"),
    () => import("../diff.ts"),
    ({ json }, from: string | undefined, to: string | undefined) => ({ from, to, json }),
    () => exitTrouble,
  );
  asks(
    withPublishing(
      program
        .command("apply")
        .description("publish what a file says, whole, and print what that changes (docs/config_file.md)")
        .requiredOption("-f, --file <file>", "streamgate.json; - reads standard input")
        .option("--dry-run", "change nothing; exit 1 when something would change, 2 on trouble"),
    ),
    () => import("../apply.ts"),
    (flags) => ({
      ...publishingOf(flags),
      file: String(flags.file),
      dryRun: flags.dryRun === true,
      json: flags.json,
    }),
    ({ dryRun }) => (dryRun ? exitTrouble : 1),
  );
}

function addWatching(program: Command): void {
  asks(
    program.command("status").description("what runs, what became of the records, and what is wrong (docs/status.md)"),
    () => import("../status.ts"),
    ({ json }) => ({ json }),
  );
  asks(
    program
      .command("planes")
      .description("each data plane and what it runs; exit 1 when one does not run what is published"),
    () => import("../planes.ts"),
    ({ json }) => ({ json }),
  );
  asks(
    program
      .command("tail")
      .description("look on while records pass: a sample, after redaction (docs/cli.md)")
      .option("--rule <id>", "only records that this rule acts on, dropped ones too")
      .option("--output <id>", "only records that go to this output")
      .option("--rate <n>", "records a second, at most (default: 10)")
      .option("--count <n>", "end after so many records"),
    () => import("../tail.ts"),
    ({ json, rule, output, rate, count }) => ({
      ...{ json, rule: rule as string | undefined, output: output as string | undefined },
      rate: rate === undefined ? undefined : readNumber("--rate", String(rate), 1, 200),
      count: count === undefined ? undefined : readNumber("--count", String(count), 1, 1_000_000),
    }),
  );
}

/** `--wait`, `--wait 10`, `--wait 10s`. */
function readWait(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  if (given === true) return 5;
  return readNumber("--wait", String(given).replace(/s$/, ""), 0, 60);
}
