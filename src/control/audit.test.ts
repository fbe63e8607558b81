/** The audit file: what is in it, that it only grows, and its bounds. */

import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import { Audit, type AuditEntry } from "./audit.ts";

const entry = (rule: string): AuditEntry => ({
  action: "weaken",
  what: { rule, how: "deleted" },
  who: { name: "ci", address: "::1" },
});

describe("the audit file", () => {
  it("holds a JSON object a line, with its time, for its owner alone, over restarts", async () => {
    const directory = temporaryDirectory("audit");
    await new Audit(directory).append([entry("a"), entry("b")]);
    await new Audit(directory).append([{ ...entry("c"), versions: { from: null, to: "1" } }]);
    await new Audit(directory).append([]);
    const path = join(directory, "audit.jsonl");
    const read = readFileSync(path, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    expect(read.map(({ what }) => what.rule)).toEqual(["a", "b", "c"]);
    expect(read[2]).toMatchObject({
      action: "weaken",
      who: { name: "ci", address: "::1" },
      versions: { from: null, to: "1" },
    });
    expect(Number.isNaN(Date.parse(read[0].time))).toBe(false);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("keeps entries that come at once apart and in order", async () => {
    const directory = temporaryDirectory("audit");
    const audit = new Audit(directory);
    await Promise.all(Array.from({ length: 50 }, (_, index) => audit.append([entry(String(index))])));
    const rules = readFileSync(join(directory, "audit.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).what.rule);
    expect(rules).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
  });

  it("begins a new file when one is full, and keeps eight: the oldest entries go", async () => {
    const directory = temporaryDirectory("audit");
    const audit = new Audit(directory, 300);
    for (let index = 0; index < 60; index++) await audit.append([entry(String(index))]);
    const names = readdirSync(directory).toSorted();
    expect(names).toEqual([...Array.from({ length: 7 }, (_, index) => `audit.${index + 1}.jsonl`), "audit.jsonl"]);
    const inOrder = [...names.slice(0, -1).toReversed(), "audit.jsonl"].flatMap((name) => {
      expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(300);
      return readFileSync(join(directory, name), "utf8")
        .trim()
        .split("\n")
        .map((line) => Number(JSON.parse(line).what.rule));
    });
    expect(inOrder.at(-1)).toBe(59);
    expect(inOrder).toEqual(inOrder.map((_, index) => inOrder[0]! + index));
  });

  it("says so when it cannot be written, and writes again when it can", async () => {
    const directory = join(temporaryDirectory("audit"), "later");
    const audit = new Audit(directory);
    await expect(audit.append([entry("a")])).rejects.toMatchObject({
      code: "SG_DATA_DIR",
      where: join(directory, "audit.jsonl"),
    });
    mkdirSync(directory);
    await audit.append([entry("b")]);
    expect(readFileSync(join(directory, "audit.jsonl"), "utf8")).toContain('"rule":"b"');
  });
});
