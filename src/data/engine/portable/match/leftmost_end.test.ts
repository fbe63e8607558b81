/** The automaton's matches against re2js' own, and its use: no match costs a look at the whole rest of the text. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noMatch, notKnown } from "./leftmost_end.ts";
import { automatonOf, compile, Pattern } from "./pattern.ts";
import { RecordInput } from "./record_input.ts";
import { Replacement, Scratch } from "./replace.ts";
import { PatternRefusal, readPattern } from "./syntax.ts";

/** Matches as a replacement looks for them, the first `most`. */
function matches(pattern: Pattern, text: Buffer, groups: number, most: number): readonly (readonly number[])[] {
  const found: (readonly number[])[] = [];
  let at = 0;
  while (at <= text.length && found.length < most) {
    const match = pattern.find(at, groups);
    if (match === null) break;
    found.push([...match]);
    at = match[1]! > at ? match[1]! : at + 1;
  }
  return found;
}

function expectSame(source: string, text: Buffer, most = 12): void {
  const pattern = new Pattern(source);
  const alone = new Pattern(source, false);
  expect(pattern.test(text)).toBe(alone.test(text));
  for (const groups of [1, pattern.groups + 1])
    expect(matches(pattern, text, groups, most)).toEqual(matches(alone, text, groups, most));
}

/** What the automaton itself says, without re2js behind it. */
function ends(source: string, text: Buffer, from: number) {
  const re2 = compile(readPattern(source).pattern);
  const automaton = automatonOf(re2);
  if (automaton === undefined) return undefined;
  const input = new RecordInput(Buffer.from(re2.prefixUTF8));
  input.set(text);
  automaton.reset(text.length);
  re2.prefilter = null;
  const end = automaton.end(input, from, false);
  const match = re2.executeEngine(input, from, 0, 2);
  return { end, start: automaton.start, match, earliest: automaton.end(input, from, true) };
}

/** Random a and b. */
function letters(count: number, seed = 7): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length: count }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state & 0x10000 ? 0x61 : 0x62;
    }),
  );
}

const atoms = [
  ..."abA1 é.^$",
  "\\b",
  "\\B",
  "\\A",
  "\\z",
  "\\d",
  "\\W",
  "\\pL",
  "[ab]",
  "[^a]",
  "[^é]",
  "(?:)",
  "(?i:k)",
  "\\n",
  "(?m:^)",
  "(?m:$)",
  "(?s:.)",
  "[\\x{80}-\\x{10FFFF}]",
];
const repeats = ["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{2,3}?"];
const { patterns } = fc.letrec<{ patterns: string }>((tie) => ({
  patterns: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...atoms),
    fc.tuple(tie("patterns"), tie("patterns")).map((parts) => parts.join("")),
    fc.tuple(tie("patterns"), tie("patterns")).map((parts) => `(?:${parts.join("|")})`),
    fc.tuple(tie("patterns"), fc.constantFrom(...repeats)).map(([part, repeat]) => `(?:${part})${repeat}`),
    tie("patterns").map((part) => `(${part})`),
  ),
}));
const pieces = fc.constantFrom(
  ...["a", "b", "ab", "A", "k", "K", "1", " ", "é", "☺", "\n", "\u{1f600}", "\u212a"].map((piece) =>
    Buffer.from(piece),
  ),
  Buffer.of(0xff),
  Buffer.of(0xc3),
  Buffer.of(0xe0, 0x80, 0x80),
  Buffer.of(0xed, 0xa0, 0x80),
);
const texts = fc.array(pieces, { maxLength: 14 }).map((parts) => Buffer.concat(parts));
/** Over some checkpoints. */
const longTexts = fc
  .tuple(texts, texts, texts, fc.integer({ min: 1000, max: 4000 }))
  .map(([before, middle, after, bytes]) =>
    Buffer.concat([before, Buffer.alloc(bytes, middle.length > 0 ? middle : "ab"), after]),
  );

describe("the automaton", () => {
  const property = (from: typeof texts, most: number) =>
    fc.property(patterns, from, (source, text) => {
      try {
        expectSame(source, text, most);
      } catch (error) {
        if (!(error instanceof PatternRefusal)) throw error;
      }
    });

  it("changes no match of any pattern", () => {
    fc.assert(property(texts, 40), { numRuns: 3000 });
  });

  it("changes no match in long texts, where outcomes of earlier searches are used", () => {
    fc.assert(property(longTexts, 12), { numRuns: 300 });
  });

  it("finds the end that re2js finds, and a place at or before the start", () => {
    fc.assert(
      fc.property(patterns, texts, fc.nat(4), (source, text, from) => {
        const found = ends(source, text, Math.min(from, text.length));
        if (found === undefined) return;
        const { end, start, match, earliest } = found;
        expect(end).toBe(match === null ? noMatch : match[1]);
        expect(earliest === noMatch).toBe(match === null);
        if (match !== null) expect(start).toBeLessThanOrEqual(match[0]!);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ["(?:^|b)+[bc]", "bb"],
    ["(?:\\b|a)*?a", "aab"],
    ["(?:(?m:$)|\\n)+(\\n?)", "a\n\n\nb"],
    ["(?:a|ab)(c|bcd)(d*)", "abcd"],
    ["\\b", "ab"],
    ["($)|()", "ab"],
    ["\\b|(?:[ab]c){400}", "ab"],
    ["(?i)straße|K", "STRAßE \u212a k"],
    ["[^a]", "\u0000\u{10ffff}a"],
  ])("keeps the order of priorities of %j", (source, text) => {
    expectSame(source, Buffer.from(text));
  });

  it("gives the same matches when its memory is full again and again", () => {
    // Each of the last fourteen letters makes states of its own: too many to keep.
    const source = "a[ab]{14}c|(?:ca)+";
    const end = Buffer.from("abababababababac");
    // Few bytes for each new state: it gives up.
    const dense = Buffer.concat([letters(40_000), end]);
    expect(ends(source, dense, 0)?.end).toBe(notKnown);
    expectSame(source, dense, 3);
    // Many: it begins anew.
    const runs = Array.from({ length: 3000 }, (_, i) => Buffer.concat([letters(20, i), Buffer.alloc(400, "x")]));
    const sparse = Buffer.concat([...runs, end]);
    expect(ends(source, sparse, 0)?.end).toBe(sparse.length);
    expectSame(source, sparse, 3);
  });

  it("keeps nothing of one text for the next", () => {
    const pattern = new Pattern(".*[^A-Z]|[A-Z]");
    const text = Buffer.alloc(5000, "A");
    expect([pattern.test(text), pattern.find(0, 1)]).toEqual([true, [0, 1]]);
    text[4999] = 0x61;
    expect([pattern.test(text), pattern.find(0, 1)]).toEqual([true, [0, 5000]]);
  });

  it("takes the start from its own search, the end from an earlier one", () => {
    const automaton = automatonOf(compile("a[^c]*c"))!;
    const input = new RecordInput(Buffer.alloc(0));
    input.set(Buffer.from(`a${"x".repeat(200)}a${"x".repeat(3000)}c`));
    automaton.reset(input.bytes.length);
    expect([automaton.end(input, 100, false), automaton.start]).toEqual([3203, 201]);
    expect([automaton.end(input, 0, false), automaton.start]).toEqual([3203, 0]);
  });

  it("does not read the whole rest of a text for each match", () => {
    // Read to the end for each, this would be 150 GB.
    for (const [source, character, count] of [
      [".*[^A-Z]|[A-Z]", "A", 360_000],
      ["(?:AA)*[^A]|A", "A", 360_000],
      ["(?s:.)*\\d|\\B", "é", 180_001],
    ] as const) {
      const text = Buffer.alloc(360_000, character);
      const replacement = new Replacement(source, Buffer.from("-"));
      replacement.run(text, Number.POSITIVE_INFINITY, 10 * text.length, new Scratch());
      expect(replacement.matches).toBe(count);
    }
  }, 60_000);
});
