/** P2: what came in is what went out, was dropped by a rule, withheld, or counted as lost with its cause. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommand } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";

interface Count {
  records: number;
  bytes: number;
}

const rules = [
  { id: "drop_debug", type: "filter", params: { value: "DEBUG" } },
  { id: "drop_trace", type: "filter", params: { pattern: "^TRACE\\b" } },
  { id: "grow", type: "redact", params: { pattern: "a", replacement: "bbbbbbbbb" } },
  {
    id: "drop_test",
    type: "attribute_filter",
    params: { attribute: "service.name", operator: "equals", value: "test" },
  },
];

/** Records of every fate, mixed by a fixed rule so that a failure repeats. */
function mixedRecords(): string[] {
  const kinds = [
    "INFO fine",
    "DEBUG a",
    "TRACE deep",
    "no TRACE here",
    `grow ${"a".repeat(100_000)}`,
    '{"service.name":"test"}',
    "x\u00e9y",
  ];
  return Array.from({ length: 2000 }, (_, index) => {
    const kind = kinds[(index * 7919) % kinds.length]!;
    return kind.length > 1000 && index % 50 !== 0
      ? `short ${index}`
      : `${kind}${kind.startsWith("{") ? "" : ` ${index}`}`;
  });
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`P2 on ${engine}${note}`, () => {
    it("balances received with dropped, quarantined and passed, in records and in bytes as received", async () => {
      const folder = mkdtempSync(join(tmpdir(), "streamgate-p2-"));
      const path = join(folder, "rules.json");
      writeFileSync(path, JSON.stringify(rules));
      const records = mixedRecords();
      const { stdout, stderr } = await runCommand(
        ["pipe", "--engine", engine, "--rules", path, "--stats"],
        `${records.join("\n")}\n`,
      );
      rmSync(folder, { recursive: true });
      const told = JSON.parse(stderr.slice(stderr.indexOf("{"), stderr.lastIndexOf("}") + 1));
      const sum = (part: keyof Count, counts: readonly Count[]) =>
        counts.reduce((total, count) => total + count[part], 0);
      const dropped = Object.values<Count>(told.dropped);
      const out = stdout.toString().split("\n").slice(0, -1);
      expect(told.in).toEqual({ records: records.length, bytes: sum("bytes", records.map(sizeOf)) });
      expect(told.in.records).toBe(told.out.records + sum("records", dropped) + told.quarantined.records);
      expect(told.out.records).toBe(out.length);
      expect(told.out.bytes).toBe(sum("bytes", out.map(sizeOf)));
      const is = (test: (record: string) => boolean) => records.filter(test).map(sizeOf);
      const debug = is((record) => record.includes("DEBUG"));
      expect(told.dropped.drop_debug).toMatchObject({ records: debug.length, bytes: sum("bytes", debug) });
      const withheld = is((record) => record.length > 1000);
      expect(withheld.length).toBeGreaterThan(0);
      expect(told.quarantined).toMatchObject({ records: withheld.length, bytes: sum("bytes", withheld) });
    });

    it("counts what framing cuts off or cannot finish", async () => {
      const stats = async (args: string[], input: string) => {
        const { stderr } = await runCommand(["pipe", "--engine", engine, "--stats", ...args], input);
        return JSON.parse(stderr.slice(stderr.indexOf("{"), stderr.lastIndexOf("}") + 1)).lost;
      };
      expect(JSON.stringify(await stats(["--framing", "octet"], "3 abc9 four"))).toMatch(/"bytes":4\b/);
      // The default limit is 1 MiB; 100 bytes more, and the cut falls after a space, so no run goes with it.
      const cut = await stats([], `${"- ".repeat(2 ** 19 + 50)}\n`);
      expect(JSON.stringify(cut)).toMatch(/"bytes":100\b/);
    });
  });
}

function sizeOf(record: string): Count {
  return { records: 1, bytes: Buffer.byteLength(record) };
}
