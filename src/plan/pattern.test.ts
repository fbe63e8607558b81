/** What is read out of a pattern: `\C`, and whether matches have an upper length (P6). */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanPattern } from "./pattern.ts";

describe("scanPattern", () => {
  it.each([
    ["a\\Cb", true],
    ["\\\\C", false],
    ["\\\\\\C", true],
    ["\\Q\\C\\E", false],
    ["\\Q\\E\\C", true],
    ["\\Qx", false],
    ["[\\\\C]", false],
    ["[]\\C", false], // the class never closes: RE2 refuses it
    ["[]a]\\C", true],
    ["[^]a]\\C", true],
    ["[[:alpha:]]\\C", true],
    ["[[:]\\C", true],
    ["\\pC", false],
    ["\\p{Cn}\\C", true],
    ["\\x{43}", false],
    ["(?i)C", false],
  ])("finds \\C in %s: %s", (pattern, anyByte) => {
    expect(scanPattern(pattern).anyByte).toBe(anyByte);
  });

  it.each([
    ["\\d{3}-\\d{2}-\\d{4}", false],
    ["a*", true],
    ["a+?", true],
    ["a{2,}", true],
    ["a{2,5}", false],
    ["a{2}", false],
    ["a?", false],
    ["[*+]", false],
    ["[]*]", false],
    ["[^]+]", false],
    ["[[:digit:]*]", false],
    ["\\*\\+", false],
    ["\\Qa*\\E", false],
    ["\\Qa\\E*", true],
    ["\\p{Greek}", false],
    ["a{,3}", false],
    ["", false],
  ])("calls %s unbounded: %s", (pattern, unbounded) => {
    expect(scanPattern(pattern).unbounded).toBe(unbounded);
  });

  it("ends on any text, and says the same each time", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."\\QEC[]^:{}px*+,1a()") }), (pattern) => {
        expect(scanPattern(pattern)).toEqual(scanPattern(pattern));
      }),
    );
  });

  it("sees what follows a literal, whatever the literal holds", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const literal = text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
        expect(scanPattern(literal)).toEqual({ anyByte: false, unbounded: false });
        expect(scanPattern(`${literal}\\C`).anyByte).toBe(true);
        expect(scanPattern(`${literal}x*`).unbounded).toBe(true);
      }),
    );
  });
});
