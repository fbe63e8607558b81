/** The commands over what a gate keeps on disk: spool, dead letters, quarantine. They need no gate that answers. */

import type { Command } from "commander";
import type { SpoolKind } from "../../data/delivery/spool/places.ts";
import { readSettings } from "../../settings/settings.ts";
import type { QuarantineTarget } from "../quarantine_target.ts";
import type { SpoolTarget } from "../spool_target.ts";
import { finish, readNumber, withSettings } from "./options.ts";

interface SpoolFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

interface QuarantineFlags {
  readonly dataDir?: string;
  readonly rule?: string;
  readonly olderThan?: string;
  readonly all?: boolean;
  readonly withoutRule?: boolean;
  readonly content?: boolean;
  readonly json?: boolean;
}

export function addStored(program: Command): void {
  const spool = program
    .command("spool")
    .description("what waits on disk for its output, of a running or a stopped instance (docs/spool.md)");
  withLanes(spool, "ls", "spool", "[output]", "each lane and what it holds", () => import("../spool_ls.ts"));
  withLanes(
    spool,
    "inspect",
    "spool",
    "<output>",
    "every group and every damage, where it lies; no record's content",
    () => import("../spool_inspect.ts"),
  );
  withLanes(
    spool,
    "verify",
    "spool",
    "[output]",
    "reads everything; exit status 1 when something is damaged",
    () => import("../spool_verify.ts"),
  );
  withLanes(
    spool,
    "repair",
    "spool",
    "[output]",
    "rewrites damaged segments with their good groups; instance stopped",
    () => import("../spool_repair.ts"),
  );
  withLanes(
    spool,
    "export",
    "spool",
    "<output>",
    "the records on standard output, each followed by a newline",
    () => import("../spool_export.ts"),
  );

  const deadLetter = program
    .command("dead-letter")
    .description("what outputs refused for good, and why (docs/spool.md)");
  withLanes(
    deadLetter,
    "ls",
    "dead_letters",
    "[output]",
    "each lane and what it holds",
    () => import("../spool_ls.ts"),
  );
  withLanes(
    deadLetter,
    "export",
    "dead_letters",
    "<output>",
    "the records on standard output, each followed by a newline; --json: with the reason",
    () => import("../spool_export.ts"),
  );
  withLanes(
    deadLetter,
    "retry",
    "dead_letters",
    "<output>",
    "moves them into the output's spool, to be sent again",
    () => import("../dead_letter_retry.ts"),
  );

  const quarantine = program
    .command("quarantine")
    .description(
      "records that a protect rule could not finish, of a running or a stopped instance (docs/quarantine.md)",
    );

  withGroups(
    quarantine,
    "ls",
    "[ids...]",
    "each group: when, which rule, why, how much; no record's content",
    async (target) => (await import("../quarantine_ls.ts")).command(target),
  ).option("--rule <id>", "only what this rule withheld");
  withGroups(
    quarantine,
    "inspect",
    "<id>",
    "one group record by record: when, from where, which rule, why",
    async ({ dataDir, ids, json }, { content = false }) =>
      (await import("../quarantine_inspect.ts")).command({ dataDir, id: ids[0]!, content, json }),
  ).option("--content", "print the records too, each as a JSON string: what a rule was to hold");
  withGroups(
    quarantine,
    "release",
    "[ids...]",
    "runs records again, through the rules that are published now, and sends on what they can finish",
    async (target, { withoutRule = false }) =>
      (await import("../quarantine_release.ts")).command({ ...target, withoutRule }),
  )
    .option("--rule <id>", "only what this rule withheld")
    .option("--all", "everything")
    .option(
      "--without-rule",
      "also what was withheld by a rule that is not published any more: nothing may hold it now",
    );
  withGroups(quarantine, "purge", "[ids...]", "removes groups for good", async (target) =>
    (await import("../quarantine_purge.ts")).command(target),
  )
    .option("--rule <id>", "only what this rule withheld")
    .option("--older-than <days>", "only what was received more than so many days ago")
    .option("--all", "everything, what is damaged too");
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

/** A command over groups of the quarantine. */
function withGroups(
  quarantine: Command,
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
