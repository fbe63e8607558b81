/** What the portable engine makes of re2js: its inside as it is used here, its limits, and what is mended. */

import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import { nativeEngine } from "../../../../../test/conformance/engines.ts";
import { operation } from "./leftmost_end.ts";
import { checkPattern, Pattern } from "./pattern.ts";
import { readPattern } from "./syntax.ts";

const find = (pattern: string, text: Buffer, from = 0) => {
  const compiled = new Pattern(pattern);
  compiled.test(text);
  return compiled.find(from, 1);
};

describe("re2js' inside", () => {
  it("has the shape that pattern.ts relies on", () => {
    const re2 = RE2JS.compile("^(abc)def.[^x](?s:.)").re2();
    expect(re2.prefixUTF8).toHaveLength(0);
    expect(typeof re2.executeEngine).toBe("function");
    expect(re2.prog.inst.length).toBe(re2.prog.numInst());
    expect(re2).toHaveProperty("onepass");
    expect(re2).toHaveProperty("prefilter");
    expect(re2.lazyDFA).toBe(null);
    // `.` with and without newline, and a class, are three instructions with names of their own.
    const operations = ["(?s).", ".", "[a-c]"].map((text) => {
      const { prog } = RE2JS.compile(text).re2();
      return prog.inst[prog.start].op;
    });
    expect(new Set(operations).size).toBe(3);
  });

  it("has the operations and their numbers that leftmost_end.ts reads", () => {
    const { prog, cond } = RE2JS.compile("(?m)^(a|b)*$").re2();
    const numbers = prog.inst[0].constructor;
    expect({
      alternative: numbers.ALT,
      alternativeMatch: numbers.ALT_MATCH,
      capture: numbers.CAPTURE,
      assertion: numbers.EMPTY_WIDTH,
      fail: numbers.FAIL,
      match: numbers.MATCH,
      nothing: numbers.NOP,
      runes: numbers.RUNE,
      rune: numbers.RUNE1,
    }).toEqual(operation);
    expect(prog.inst[0].op).toBe(operation.fail);
    expect(cond).toBe(1);
    expect(RE2JS.compile("\\Aa").re2().cond).toBe(4);
    expect(
      RE2JS.compile("(?i)é")
        .re2()
        .prog.inst.filter(({ arg }: { arg: number }) => arg === 1),
    ).toHaveLength(1);
  });
});

describe("a pattern", () => {
  it("finds nothing in broken UTF-8, and finds behind it", () => {
    expect(find(".", Buffer.of(0xff, 0xc3))).toBe(null);
    expect(find("[^a]", Buffer.of(0xff, 0x62))).toEqual([1, 2]);
    expect(find("(?s).", Buffer.of(0xe2, 0x82, 0x61))).toEqual([2, 3]);
    expect(new Pattern("\\x{FFFD}").test(Buffer.of(0xff))).toBe(false);
    expect(new Pattern("\\x{FFFD}").test(Buffer.from("\ufffd"))).toBe(true);
  });

  it("takes surrogates and overlong forms where RE2 does: where a class has all from 80 to 10FFFF", () => {
    const surrogate = Buffer.of(0xed, 0xa0, 0x80);
    const overlong = Buffer.of(0xe0, 0x80, 0x80);
    const beyond = Buffer.of(0xf4, 0xbf, 0xbf, 0xbf);
    for (const text of [surrogate, overlong, beyond]) {
      expect(find(".", text)).toEqual([0, text.length]);
      expect(find("[^a]", text)).toEqual([0, text.length]);
      expect(find("[\\x{81}-\\x{10FFFF}]", text) === null).toBe(text !== surrogate);
    }
  });

  it("finds an empty match inside a character, at \\B only", () => {
    const text = Buffer.from("aé");
    expect(find("\\B", text)).toEqual([2, 2]);
    expect(find("\\B|$", text)).toEqual([2, 2]);
    expect(find("\\Bx*", text)).toEqual([2, 2]);
    expect(find("x*\\b", text)).toEqual([0, 0]);
    expect(find("$", text)).toEqual([3, 3]);
    expect(new Pattern("\\B").test(Buffer.from("a"))).toBe(false);
  });

  it("is the same for a text that lies inside a larger memory", () => {
    const memory = Buffer.from("xx-abc-xx");
    expect(new Pattern("x").test(memory.subarray(3, 6))).toBe(false);
    expect(find("^abc$", memory.subarray(3, 6))).toEqual([0, 3]);
  });

  it("can be asked about one text after another", () => {
    const pattern = new Pattern("b+");
    expect([pattern.test(Buffer.from("abb")), pattern.find(0, 1)]).toEqual([true, [1, 3]]);
    expect(pattern.test(Buffer.from("c"))).toBe(false);
    expect([pattern.test(Buffer.from("b")), pattern.find(0, 1), pattern.find(1, 1)]).toEqual([true, [0, 1], null]);
  });
});

// The counts were found by trying RE2 1.27.1: 446, 698 and 116 are the last that it takes.
describe("RE2's limit on program size", () => {
  it("is met where RE2 meets it, for literals and classes", () => {
    const verdicts = (pattern: string) => {
      const native = nativeEngine();
      return [
        checkPattern(pattern).ok,
        native === undefined ? checkPattern(pattern).ok : native.checkPattern(pattern).ok,
      ];
    };
    expect(verdicts("\\pL{440}")).toEqual([true, true]);
    expect(verdicts("\\pL{452}")).toEqual([false, false]);
    expect(verdicts("x{1000}".repeat(690))).toEqual([true, true]);
    expect(verdicts("x{1000}".repeat(705))).toEqual([false, false]);
    expect(verdicts("[é☺]{1000}".repeat(118))).toEqual([false, false]);
    expect(checkPattern("x{1000}".repeat(705))).toEqual({ ok: false, message: "pattern too large - compile failed" });
  });
});

describe("what re2js is given", () => {
  it("has no group names", () => {
    expect(readPattern("(?P<a>x)(?<größe>y)(?:z)")).toEqual({ pattern: "(x)(y)(?:z)", groups: 2 });
  });

  it("has no look-behind, look-ahead, back-reference or possessive repetition", () => {
    for (const pattern of [
      "(?<=a)b",
      "(?<!a)b",
      "a(?=b)",
      "a(?!b)",
      "(a)\\1",
      "a*+",
      "a++",
      "(?>a)",
      "(?#c)a",
      "\\h",
      "\\K",
    ])
      expect(checkPattern(pattern).ok, pattern).toBe(false);
  });
});
