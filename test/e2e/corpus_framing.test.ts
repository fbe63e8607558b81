/**
 * The framing cases of the shared syslog corpus (`../shared/corpora`, beside the repository), through `pipe` on both engines.
 * Cases of level `must` have to agree all; `should` ones are counted and listed. `test/conformance/syslog_corpus.test.ts` runs
 * all of them in process, with the corpus's own reads; here every sixth one goes the whole way, a process each.
 *
 *     PIPE_CASES=all npx vitest run test/e2e/corpus_framing.test.ts
 */
import { describe, expect, it } from "vitest";
import type { FramingKind } from "../../src/data/frame/framing.ts";
import { readCorpus } from "../conformance/corpora.ts";
import { runCommand } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";

type Message = string | { b64: string };
interface Case {
  id: string;
  framing: FramingKind;
  bytes_base64: string;
  expected_messages: Message[];
  level: "must" | "should";
  why: string;
  max_message?: number;
  no_expectation?: boolean;
}

const corpus = readCorpus<Case>("syslog");
const missing = typeof corpus === "string" ? ` (skipped: ${corpus})` : "";
const framings = new Set<string>(["newline", "nul", "octet", "auto"]);
const every = process.env.PIPE_CASES === "all" ? 1 : 6;
const cases =
  typeof corpus === "string"
    ? []
    : corpus.filter(({ framing }) => framings.has(framing)).filter((_, index) => index % every === 0);

/** Cases of level `should` in which the contract decides otherwise than the case's source, and why. */
const decidedOtherwise: Readonly<Record<string, string>> = {
  "sys-0311832eb5b64f3a": "NUL ends a line only after a syslog priority: other lines may hold any byte",
  "sys-54445ebc173fec86": "ten digits are no count, so `1000000000 too long` is a line and passes",
};

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip || missing !== "")(`framing corpus on ${engine}${note}${missing}`, () => {
    it("agrees through pipe", async () => {
      const disagreeing: string[] = [];
      let agreeing = 0;
      // `pipe` has no limit as small as the corpus's `max_message`; those cases run in process.
      const unlimited = cases.filter(({ max_message }) => max_message === undefined);
      const queue = unlimited.values();
      const work = async () => {
        for (const example of queue) {
          const args = ["pipe", "--engine", engine, "--framing", example.framing];
          const { status, stdout } = await runCommand(args, Buffer.from(example.bytes_base64, "base64"));
          expect(status).toBe(0);
          if (example.no_expectation || stdout.equals(joined(example.expected_messages.map(bytesOf)))) agreeing++;
          else disagreeing.push(`${example.level} ${example.id} ${example.why}`);
        }
      };
      await Promise.all([work(), work(), work(), work()]);
      report(engine, "pipe", agreeing, disagreeing);
    });
  });
}

function report(engine: string, way: string, agreeing: number, disagreeing: readonly string[]): void {
  process.stderr.write(
    `syslog framing corpus, ${engine}, ${way}: ${agreeing} of ${agreeing + disagreeing.length} agree\n`,
  );
  for (const line of disagreeing) process.stderr.write(`  disagrees: ${line}\n`);
  expect(disagreeing.filter((line) => line.startsWith("must"))).toEqual([]);
  expect(disagreeing.filter((line) => !(line.split(" ")[1]! in decidedOtherwise))).toEqual([]);
}

function bytesOf(message: Message): Buffer {
  return typeof message === "string" ? Buffer.from(message) : Buffer.from(message.b64, "base64");
}

function joined(records: readonly Uint8Array[]): Buffer {
  return Buffer.concat(records.filter(({ length }) => length > 0).flatMap((record) => [record, Buffer.from("\n")]));
}
