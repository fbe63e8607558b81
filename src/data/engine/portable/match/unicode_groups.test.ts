/** The portable engine's Unicode groups and case folding against RE2's own, code point by code point. */

import { describe, expect, it } from "vitest";
import { nativeEngine, planOf, run, skipNote } from "../../../../../test/conformance/engines.ts";
import { portableKind } from "../kind.ts";
import { complement, unicodeGroup } from "./unicode_groups.ts";

const groups =
  "C Cc Cf Co L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs".split(" ");
const scripts = "Any Arabic Cyrillic Common Greek Han Inherited Kawi Khitan_Small_Script Latin Telugu".split(" ");

/** Every code point that is no surrogate and no line end, 64 a line, so that few lines hold them all. */
function allCharacters(): Buffer {
  const lines: string[] = [];
  let line = "";
  for (let rune = 0; rune <= 0x10ffff; rune++) {
    if (rune === 10 || rune === 13 || (rune >= 0xd800 && rune <= 0xdfff)) continue;
    // Planes that are empty but for their ends tell nothing.
    if (rune >= 0x34000 && rune < 0xe0000 && rune % 0x1000 !== 0) continue;
    if (rune > 0xf0010 && rune % 0x1000 !== 0) continue;
    line += String.fromCodePoint(rune);
    if (rune % 64 === 63) {
      lines.push(line);
      line = "";
    }
  }
  return Buffer.from(`${[...lines, line].join("\n")}\n`);
}

describe("Unicode groups", () => {
  const native = nativeEngine();
  const text = allCharacters();
  const replaced = (kind: NonNullable<typeof native>, pattern: string) =>
    Buffer.concat(
      run(kind, planOf([{ name: "replacePattern", args: [pattern, "#"] }]), text, {
        batchRecords: 4096,
        batchBytes: 1 << 20,
      }).records,
    );

  it.skipIf(native === undefined).each([...groups, ...scripts])(`\\p{%s} has RE2's code points${skipNote}`, (name) => {
    for (const pattern of [`\\p{${name}}`, `(?i)\\p{${name}}`])
      expect(replaced(portableKind(), pattern).equals(replaced(native!, pattern)), pattern).toBe(true);
  });

  it.skipIf(native === undefined)(`letters fold as RE2's do${skipNote}`, () => {
    // Each is a letter whose other cases came with different versions of Unicode, or has more than one.
    for (const rune of "kKsSßẞσςΣµθιбᲀɤƛ\u{a7cb}\u{a7dc}\u{1c89}\u{10d50}\u{10d70}\u{16ea0}ǅﬅ") {
      const pattern = `(?i)${rune}`;
      expect(replaced(portableKind(), pattern).equals(replaced(native!, pattern)), pattern).toBe(true);
    }
  });

  it("a complement has what the group has not", () => {
    expect(
      complement([
        [0, 5],
        [7, 7],
      ]),
    ).toEqual([
      [6, 6],
      [8, 0x10ffff],
    ]);
    expect(complement(unicodeGroup("Any"))).toEqual([]);
  });

  it("an unknown name is refused though re2js knows it", () => {
    for (const name of ["ASCII", "Ascii", "Assigned", "Cn", "LC", "greek", "Garay", ""])
      expect(portableKind().checkPattern(`\\p{${name}}`)).toEqual({
        ok: false,
        message: `invalid character class range: \\p{${name}}`,
      });
  });
});
