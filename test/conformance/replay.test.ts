/** Spooled records on their way back, on every engine: what protect rules published meanwhile make of them, and which cause is counted. */

import { describe, expect, it } from "vitest";
import { protectionOf } from "../../src/data/delivery/protection.ts";
import { Replay, type Replayed } from "../../src/data/delivery/spool/replay.ts";
import type { Group } from "../../src/data/delivery/spool/spool.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { engines } from "./engines.ts";

/** Drops a record; cannot finish 13,108 letters, which it would make nine times as long; cannot find all of 32,769 matches. */
const rules: Rule[] = [
  { id: "noise", type: "filter", params: { value: "noise", protect: true } },
  { id: "grows", type: "redact", params: { pattern: "a", replacement: "bbbbbbbbb" } },
  { id: "wide", type: "redact", params: { pattern: "Z+?", replacement: "z" } },
];
const [long, many] = ["a".repeat(13_108), "Z".repeat(32_769)];
const records = ["one", "noise", long, many, "ab", "noise too", long];

function groupOf(lines: readonly string[]): Group {
  const body = Buffer.concat(
    lines.flatMap((line) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(line.length);
      return [length, Buffer.from(line)];
    }),
  );
  const bytes = lines.reduce((sum, line) => sum + line.length, 0);
  return { firstSequence: 0n, timeMs: 1, protection: 1n, reason: "", records: lines.length, bytes, epoch: 1, body };
}

function linesOf({ payload }: Replayed): string[] {
  const { parts } = payload.body(0, payload.records);
  const text = Buffer.concat(parts).toString();
  return text === "" ? [] : text.split("\n");
}

const amounts = {
  dropped: { records: 2, bytes: "noise".length + "noise too".length },
  quarantined: { records: 3, bytes: 2 * long.length + many.length, rules: ["grows", "wide"] },
  rewrittenBytes: 8,
};

for (const kind of engines()) {
  describe(`a spooled group on ${kind.name}`, () => {
    it("tells what a rule dropped from what a rule could not finish, and which rules these were", () => {
      const replay = new Replay(kind, protectionOf(compilePlan(rules)));
      const replayed = replay.run(groupOf(records));
      expect(linesOf(replayed)).toEqual(["one", "bbbbbbbbbb"]);
      expect(replayed).toMatchObject(amounts);
      const next = replay.run(groupOf(["two"]));
      expect(next).toMatchObject({
        dropped: { records: 0, bytes: 0 },
        quarantined: { records: 0, bytes: 0, rules: [] },
        rewrittenBytes: 0,
      });
      for (const { payload } of [replayed, next]) payload.release();
      replay.close();
    });

    it("tells the same of records that had been read when the rules were published", () => {
      const replay = new Replay(kind, protectionOf(compilePlan([])));
      const before = replay.run(groupOf(records));
      expect(linesOf(before)).toEqual(records);
      replay.use(protectionOf(compilePlan(rules)));
      const replayed = replay.again(before.payload.ranges(0, records.length));
      expect(linesOf(replayed)).toEqual(["one", "bbbbbbbbbb"]);
      expect(replayed).toMatchObject(amounts);
      for (const { payload } of [before, replayed]) payload.release();
      replay.close();
    });
  });
}
