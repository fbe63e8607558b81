/** Spooled groups become payloads again, through the protect rules that run now where they have not passed them: on both engines alike. */

import { describe, expect, it } from "vitest";
import { engines } from "../../../../test/conformance/engines.ts";
import { MemoryQuarantine } from "../../../../test/fixtures/quarantine.ts";
import { readRules } from "../../../manifest/manifest.ts";
import { compilePlan } from "../../../plan/compile.ts";
import type { EngineKind } from "../../engine/engine.ts";
import { quarantineCause } from "../../engine/layout.ts";
import type { Payload } from "../packer.ts";
import { protectionOf } from "../protection.ts";
import { Replay } from "./replay.ts";
import type { Group } from "./spool.ts";

function groupOf(records: readonly string[], protection: bigint): Group {
  const frames = records.flatMap((record) => {
    const bytes = Buffer.from(record);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return {
    firstSequence: 0n,
    timeMs: 1_700_000_000_000,
    protection,
    reason: "",
    records: records.length,
    bytes: records.reduce((sum, record) => sum + Buffer.byteLength(record), 0),
    epoch: 1,
    body: Buffer.concat(frames),
  };
}

function protection(kind: EngineKind, ...rules: unknown[]) {
  return protectionOf(compilePlan(readRules(rules, (pattern) => kind.checkPattern(pattern)).rules));
}

/** Records by the batch's own index, since they may hold line ends. */
function recordsOf(payload: Payload): string[] {
  return payload.segments.flatMap(({ shared: { batch }, from, to }) =>
    Array.from({ length: to - from }, (_, index) =>
      batch.data.toString("utf8", batch.startOf(from + index), batch.startOf(from + index + 1) - 1),
    ),
  );
}

const mask = { id: "mask", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX!" } };
const inner = { id: "inner", type: "filter", params: { value: "INTERNAL", protect: true } };
const debug = { id: "debug", type: "filter", params: { value: "DEBUG" } };
const records = [
  "DEBUG a",
  "ssn 123-45-6789",
  "two\nlines 123-45-6789",
  "INTERNAL only",
  "é\u{1f600}",
  "z".repeat(3000),
];

const none = { records: 0, bytes: 0 };

/** Rules of which two cannot finish every record: one would make 13,108 letters nine times as long, one has 32,769 matches to find. */
const grows = { id: "grows", type: "redact", params: { pattern: "a", replacement: "bbbbbbbbb" } };
const wide = { id: "wide", type: "redact", params: { pattern: "Z+?", replacement: "z" } };
const [long, many] = ["a".repeat(13_108), "Z".repeat(32_769)];
const hard = ["one", "INTERNAL", long, many, "ab", "INTERNAL too", long];
const hardAccount = {
  dropped: { records: 2, bytes: "INTERNALINTERNAL too".length },
  quarantined: { records: 3, bytes: 2 * long.length + many.length, rules: ["grows", "wide"] },
  rewrittenBytes: 8,
};

const hardKept = [
  { rule: "grows", cause: quarantineCause.outputLimit, record: long, output: "out" },
  { rule: "wide", cause: quarantineCause.matchLimit, record: many, output: "out" },
  { rule: "grows", cause: quarantineCause.outputLimit, record: long, output: "out" },
];

for (const kind of engines()) {
  describe(`a replay on ${kind.name}`, () => {
    it("gives records as they are that have passed the rules which run", () => {
      const rules = protection(kind, mask, inner, debug);
      const replay = new Replay(kind, rules, new MemoryQuarantine());
      const replayed = replay.run(groupOf(records, rules.identity), "out");
      expect(recordsOf(replayed.payload)).toEqual(records);
      expect(replayed).toMatchObject({ dropped: none, quarantined: none, rewrittenBytes: 0 });
      expect(replayed.payload.timeMs).toBe(1_700_000_000_000);
      replayed.payload.release();
      replay.close();
    });

    it("runs protect rules, and no others, over records of an older manifest, and accounts for each byte", () => {
      const replay = new Replay(kind, protection(kind, debug, mask, inner), new MemoryQuarantine());
      const group = groupOf(records, 7n);
      const { payload, dropped, rewrittenBytes } = replay.run(group, "out");
      const expected = ["DEBUG a", "ssn XXX-XX-XXXX!", "two\nlines XXX-XX-XXXX!", records[4]!, records[5]!];
      expect(recordsOf(payload)).toEqual(expected);
      expect([dropped, rewrittenBytes]).toEqual([{ records: 1, bytes: "INTERNAL only".length }, 2]);
      expect(group.bytes + rewrittenBytes).toBe(payload.bytes + dropped.bytes);
      payload.release();
      replay.close();
    });

    it("tells what a rule dropped from what rules could not finish, and which rules these were", () => {
      const quarantine = new MemoryQuarantine();
      const replay = new Replay(kind, protection(kind, inner, grows, wide), quarantine);
      const replayed = replay.run(groupOf(hard, 7n), "out");
      expect(recordsOf(replayed.payload)).toEqual(["one", "bbbbbbbbbb"]);
      expect(replayed).toMatchObject(hardAccount);
      expect(quarantine.records).toEqual(hardKept);
      const next = replay.run(groupOf(["two"], 7n), "out");
      expect(next).toMatchObject({ dropped: none, quarantined: { ...none, rules: [] }, rewrittenBytes: 0 });
      for (const { payload } of [replayed, next]) payload.release();
      replay.close();
    });

    it("tells the same of records that had been read when the rules were published", () => {
      const replay = new Replay(kind, protection(kind), new MemoryQuarantine());
      const before = replay.run(groupOf(hard, protection(kind).identity), "out").payload;
      replay.use(protection(kind, inner, grows, wide));
      const replayed = replay.again(before.ranges(0, hard.length), "out");
      expect(recordsOf(replayed.payload)).toEqual(["one", "bbbbbbbbbb"]);
      expect(replayed).toMatchObject(hardAccount);
      for (const payload of [before, replayed.payload]) payload.release();
      replay.close();
    });

    it("loses what the quarantine cannot take, and counts it apart", () => {
      const quarantine = new MemoryQuarantine();
      quarantine.keeps = false;
      const replay = new Replay(kind, protection(kind, inner, grows, wide), quarantine);
      const replayed = replay.run(groupOf(hard, 7n), "out");
      expect(recordsOf(replayed.payload)).toEqual(["one", "bbbbbbbbbb"]);
      const { quarantined, ...others } = hardAccount;
      const quarantineFull = { records: quarantined.records, bytes: quarantined.bytes };
      expect(replayed).toMatchObject({ ...others, quarantined: none, quarantineFull });
      replayed.payload.release();
      replay.close();
    });

    it("hands on withheld records one by one where each is larger than the room for them", () => {
      const quarantine = new MemoryQuarantine();
      const replay = new Replay(kind, protection(kind, grows), quarantine);
      const large = Array.from({ length: 3 }, (_, n) => `${n}${"a".repeat(300_000 * (n + 1))}`);
      const replayed = replay.run(groupOf(["before", ...large, "after"], 7n), "out");
      expect(recordsOf(replayed.payload)).toEqual(["before", "bbbbbbbbbfter"]);
      expect(quarantine.records.map(({ record }) => record)).toEqual(large);
      replayed.payload.release();
      replay.close();
    });

    it("goes on in another batch where rules add more than was expected", () => {
      const grow = { id: "grow", type: "redact", params: { pattern: "x", replacement: "yyyy" } };
      const replay = new Replay(kind, protection(kind, grow), new MemoryQuarantine());
      const many = Array.from({ length: 500 }, () => "x".repeat(40));
      const { payload, rewrittenBytes } = replay.run(groupOf(many, 7n), "out");
      expect(recordsOf(payload)).toEqual(many.map(() => "y".repeat(160)));
      expect(rewrittenBytes).toBe(500 * 120);
      payload.release();
      replay.close();
    });

    it("runs rules that were published later over what it has read, from any record on", () => {
      const replay = new Replay(kind, protection(kind), new MemoryQuarantine());
      const before = replay.run(groupOf(records, protection(kind).identity), "out").payload;
      replay.use(protection(kind, mask, inner));
      const { payload, dropped, rewrittenBytes } = replay.again(before.ranges(2, records.length), "out");
      expect(recordsOf(payload)).toEqual(["two\nlines XXX-XX-XXXX!", records[4]!, records[5]!]);
      expect([dropped, rewrittenBytes]).toEqual([{ records: 1, bytes: "INTERNAL only".length }, 1]);
      before.release();
      payload.release();
      replay.close();
    });

    it("counts a record that a rule left empty before it was spooled as dropped, without a byte", () => {
      const rules = protection(kind);
      const replay = new Replay(kind, rules, new MemoryQuarantine());
      const { payload, dropped } = replay.run(groupOf(["a", "", "b"], rules.identity), "out");
      expect(recordsOf(payload)).toEqual(["a", "b"]);
      expect(dropped).toEqual({ records: 1, bytes: 0 });
      payload.release();
      replay.close();
    });
  });
}

describe("the identity of what protects", () => {
  it("is the rules' effect: neither their names nor rules that only reduce count", () => {
    const [kind] = engines();
    const identity = (...rules: unknown[]) => protection(kind!, ...rules).identity;
    expect(identity(mask, debug)).toBe(identity({ ...mask, id: "other" }));
    expect(identity(mask)).not.toBe(identity(mask, inner));
    expect(identity(mask, inner)).not.toBe(identity(inner, mask));
    expect(identity()).not.toBe(0n);
  });
});
