/** A state file is the old one or the new one, whole. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseState, readDurable, writeDurably } from "./durable_file.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sg-durable-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("a durable file", () => {
  it("is absent, then what was written, then what was written over it", async () => {
    const path = join(directory, "deeper", "state.json");
    expect(await readDurable(path)).toBeUndefined();
    await writeDurably(path, "one");
    await writeDurably(path, "two");
    expect(await readDurable(path)).toBe("two");
    expect(readdirSync(join(directory, "deeper"))).toEqual(["state.json"]);
  });

  it("stays the old one, without leftovers, when the new one cannot be put in its place", async () => {
    const path = join(directory, "taken");
    await writeDurably(join(path, "inside"), "x"); // a directory that is not empty cannot be replaced
    await expect(writeDurably(path, "new")).rejects.toMatchObject({ code: "SG_DATA_DIR", where: path });
    expect(readdirSync(directory)).toEqual(["taken"]);
    expect(readFileSync(join(path, "inside"), "utf8")).toBe("x");
  });

  it("says which file is damaged and what to do", () => {
    writeFileSync(join(directory, "x"), "{");
    expect(() => parseState("/data/x.json", "{")).toThrow(
      expect.objectContaining({ code: "SG_STATE_DAMAGED", where: "/data/x.json" }),
    );
  });
});
