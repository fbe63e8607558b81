/**
 * The framing cases of the shared syslog corpus (`../shared/corpora`, beside the repository): through `pipe` on both engines,
 * and in process with the corpus's own reads. Cases of level `must` have to agree all; `should` ones are counted and listed.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Batch } from "../../src/data/engine/batch.ts";
import { countCellsFixed, frameCells } from "../../src/data/engine/layout.ts";
import { selectEngine } from "../../src/data/engine/select.ts";
import type { FramingKind } from "../../src/data/frame/framing.ts";
import { runCommand } from "../fixtures/gate.ts";
import { engines, needsProgram, repository } from "../fixtures/requirement.ts";

const corpusFile = join(repository, "../shared/corpora/syslog.jsonl.xz");
const needsCorpus = needsCorpusFile();

type Message = string | { b64: string };
interface Case {
  id: string;
  framing: FramingKind;
  bytes_base64: string;
  /** Sizes of the reads, in order. */
  chunks?: number[];
  expected_messages: Message[];
  level: "must" | "should";
  why: string;
  max_message?: number;
  no_expectation?: boolean;
}

const cases = needsCorpus.skip ? [] : readCases();

/** Cases of level `should` in which the contract decides otherwise than the case's source, and why. */
const decidedOtherwise: Readonly<Record<string, string>> = {
  "sys-0311832eb5b64f3a": "NUL ends a line only after a syslog priority: other lines may hold any byte",
  "sys-54445ebc173fec86": "ten digits are no count, so `1000000000 too long` is a line and passes",
  "sys-13c89215b64bd8b1": "the run of word characters that touches the cut goes with it",
  "sys-6cc8f382f095d114": "the run of word characters that touches the cut goes with it",
};

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip || needsCorpus.skip)(`framing corpus on ${engine}${note}${needsCorpus.note}`, () => {
    it("agrees through pipe", async () => {
      const disagreeing: string[] = [];
      let agreeing = 0;
      // `pipe` has no limit as small as the corpus's `max_message`; those cases run in process below.
      const unlimited = cases.filter(({ max_message }) => max_message === undefined);
      for (const example of unlimited) {
        const args = ["pipe", "--engine", engine, "--framing", example.framing];
        const { status, stdout } = await runCommand(args, Buffer.from(example.bytes_base64, "base64"));
        expect([0, 3]).toContain(status);
        if (example.no_expectation || stdout.equals(joined(example.expected_messages.map(bytesOf)))) agreeing++;
        else disagreeing.push(`${example.level} ${example.id} ${example.why}`);
      }
      report(engine, "pipe", agreeing, disagreeing);
    });

    it("agrees in process with the corpus's reads, and with every read one byte", async () => {
      for (const reads of ["as given", "single bytes"] as const) {
        const disagreeing: string[] = [];
        let agreeing = 0;
        for (const example of cases) {
          const input = Buffer.from(example.bytes_base64, "base64");
          const sizes = reads === "as given" ? (example.chunks ?? []) : Array<number>(input.length).fill(1);
          const got = await frame(engine, example, input, sizes);
          if (example.no_expectation || joined(got).equals(joined(example.expected_messages.map(bytesOf)))) agreeing++;
          else disagreeing.push(`${example.level} ${example.id} ${example.why}`);
        }
        report(engine, reads, agreeing, disagreeing);
      }
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

/** Runs a plan without rules over the case's reads. Empty records are none, here as everywhere. */
async function frame(
  engine: "native" | "portable",
  example: Case,
  input: Uint8Array,
  sizes: readonly number[],
): Promise<Buffer[]> {
  const { kind } = await selectEngine(engine);
  const runner = kind.createEngine();
  const plan = kind.prepare({ rules: [], operations: [] });
  runner.use(plan, new Float64Array(countCellsFixed));
  const batch = new Batch(1024, 1 << 20);
  runner.attach(batch);
  const source = { transport: "stdin" } as const;
  const framer = kind.createFramer(
    { kind: example.framing },
    example.max_message ?? 1 << 20,
    source,
    new Float64Array(frameCells),
  );
  let at = 0;
  for (const size of [...sizes, input.length]) {
    const chunk = Buffer.from(input.subarray(at, at + size));
    expect(runner.runChunk(framer, chunk, 0, 0)).toBe(chunk.length);
    at += size;
  }
  expect(runner.runEnd(framer, 0)).toBe(true);
  const records = Array.from({ length: batch.records }, (_, index) =>
    Buffer.from(batch.slice(index, index + 1).subarray(0, -1)),
  );
  framer.close();
  runner.close();
  plan.close();
  return records;
}

function bytesOf(message: Message): Buffer {
  return typeof message === "string" ? Buffer.from(message) : Buffer.from(message.b64, "base64");
}

function joined(records: readonly Uint8Array[]): Buffer {
  return Buffer.concat(records.filter(({ length }) => length > 0).flatMap((record) => [record, Buffer.from("\n")]));
}

function readCases(): Case[] {
  const { stdout } = spawnSync("xz", ["-dc", corpusFile], { maxBuffer: 1 << 28 });
  const all = stdout
    .toString("utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Case);
  return all.filter(({ framing }) => ["newline", "nul", "octet", "auto"].includes(framing));
}

/** The corpus's licences keep it out of the repository, so a missing corpus fails nowhere, CI included. */
function needsCorpusFile(): { skip: boolean; note: string } {
  if (needsProgram("xz").skip) return { skip: true, note: " (skipped: xz not installed)" };
  return existsSync(corpusFile) ? { skip: false, note: "" } : { skip: true, note: ` (skipped: no ${corpusFile})` };
}
