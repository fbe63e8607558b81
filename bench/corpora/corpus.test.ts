/** The corpora and what is expected of them. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { attributeFilter, detectors, filterRedact, nothing } from "../work.ts";
import { interpreter, keptOf, writeCorpus, writeExpected } from "./corpus.ts";
import { posix, shapes } from "./personal_data.ts";
import { randomFrom, withLuhnDigit } from "./random.ts";

const folder = mkdtempSync(join(tmpdir(), "streamgate-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const linesOf = (path: string) => readFileSync(path, "utf8").split("\n").slice(0, -1);

describe("a corpus", () => {
  it("is the same each time", () => {
    const first = readFileSync(writeCorpus(folder, "text", 1000).path, "utf8");
    expect(readFileSync(writeCorpus(folder, "text", 1000).path, "utf8")).toBe(first);
  });

  it("holds as many lines and bytes as it says", () => {
    const { path, lines, bytes } = writeCorpus(folder, "json", 100);
    expect(linesOf(path)).toHaveLength(lines);
    expect(readFileSync(path)).toHaveLength(bytes);
  });

  it("has about 187 bytes a text line and 500 a JSON line", () => {
    const text = writeCorpus(folder, "text", 2000);
    const json = writeCorpus(folder, "json", 2000);
    expect(text.bytes / text.lines).toBeGreaterThan(180);
    expect(text.bytes / text.lines).toBeLessThan(195);
    expect(json.bytes / json.lines).toBeGreaterThan(470);
    expect(json.bytes / json.lines).toBeLessThan(530);
  });
});

describe("what is expected", () => {
  it("has no DEBUG line and no planted value after filter and redaction", () => {
    const { path, plantedPath } = writeExpected(folder, "work", "text", 5000, filterRedact);
    const text = readFileSync(path, "utf8");
    expect(text).not.toContain("DEBUG");
    const planted = linesOf(plantedPath!);
    expect(planted.length).toBeGreaterThan(300);
    expect(planted.filter((value) => text.includes(value))).toEqual([]);
  });

  it("has no value of any of the twenty shapes left", () => {
    const { path, plantedPath } = writeExpected(folder, "all", "personal", 5000, detectors);
    const text = readFileSync(path, "utf8");
    expect(linesOf(plantedPath!).filter((value) => text.includes(value))).toEqual([]);
    for (const { replacement } of shapes) expect(text).toContain(replacement);
  });

  it("is the same when the borders of the patterns are left out, as for POSIX", () => {
    const plain = interpreter(detectors);
    const bare = interpreter({
      drop: [],
      redact: shapes.map(({ pattern, replacement }) => ({ pattern: posix(pattern), replacement })),
    });
    for (const line of linesOf(writeCorpus(folder, "personal", 20_000).path)) expect(bare(line)).toBe(plain(line));
  });

  it("drops the JSON lines of one service, and those alone", () => {
    const { path } = writeExpected(folder, "json", "json", 1000, attributeFilter);
    const kept = linesOf(path).filter((line) => line !== "");
    expect(kept.length).toBeGreaterThan(800);
    expect(kept.length).toBeLessThan(1000);
    expect(kept.filter((line) => JSON.parse(line).service.name === "checkout")).toEqual([]);
  });

  it("counts lines and bytes over repetitions and a part of one", () => {
    const expected = writeExpected(folder, "count", "text", 100, filterRedact);
    const lines = linesOf(expected.path);
    const countOf = (some: readonly string[]) => some.filter((line) => line !== "");
    const all = [...lines, ...lines, ...lines.slice(0, 37)];
    expect(keptOf(expected, 237)).toEqual({
      lines: countOf(all).length,
      bytes: countOf(all).reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0),
    });
  });

  it("is the corpus itself when there is nothing to do", () => {
    const corpus = writeCorpus(folder, "text", 50);
    expect(readFileSync(writeExpected(folder, "none", "text", 50, nothing).path)).toEqual(readFileSync(corpus.path));
  });
});

describe("a shape", () => {
  it.each(shapes.map((shape) => [shape.name, shape] as const))(
    "%s makes values that its pattern covers",
    (_, shape) => {
      const random = randomFrom(7);
      for (let i = 0; i < 50; i++) {
        const value = shape.value(random);
        expect(new RegExp(`^(?:${shape.pattern})$`).test(value), value).toBe(true);
      }
    },
  );
});

describe("withLuhnDigit", () => {
  it("completes the number that ISO/IEC 7812-1 gives as an example", () => {
    expect(withLuhnDigit("7992739871")).toBe("79927398713");
  });
});
