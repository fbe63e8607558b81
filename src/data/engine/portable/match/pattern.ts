/**
 * RE2 patterns on bytes, by re2js' automata. What RE2 refuses is refused in RE2's words (`syntax.ts`); what differs in
 * matching is mended here:
 *
 * - Broken UTF-8 matches nothing, not even `.` (`record_input.ts`).
 * - RE2 looks for a match between the bytes of a character too. Only an empty match at `\B` can be found there.
 * - re2js looks for the literals that a pattern needs before every search, up to the text's end; done for every match that
 *   would be quadratic, so here it is done once for a text.
 * - re2js looks for a match at ten megabytes a second, and as far as any thread lives. Here an automaton (`leftmost_end.ts`)
 *   says whether there is one and where it ends, and re2js looks for its start and its groups only there.
 */

import { RE2JS, RE2JSException } from "re2js";
import type { PatternCheck } from "../../../../plan/pattern.ts";
import { type Instruction as AnyInstruction, LeftmostEnd, noMatch, notKnown } from "./leftmost_end.ts";
import { classInstructions, instructionsMax } from "./program_size.ts";
import { lenientRune, RecordInput } from "./record_input.ts";
import { PatternRefusal, readPattern } from "./syntax.ts";
import { foldsOf } from "./unicode_groups.ts";

const runeMax = 0x10ffff;
const unanchored = 0;
/** re2js' flag for "here the text begins" (Utils.EMPTY_BEGIN_TEXT). */
const beginText = 4;

/** What is used of re2js' inside; the version is pinned, and `pattern.test.ts` fails when it changes shape. */
type Instruction = { -readonly [Key in keyof AnyInstruction]: AnyInstruction[Key] };
interface Re2 {
  readonly prog: { readonly inst: Instruction[]; readonly start: number };
  /** Assertions that hold wherever a match starts. */
  readonly cond: number;
  /** The pattern is its prefix, and nothing else. */
  readonly prefixComplete: boolean;
  readonly numSubexp: number;
  onepass: unknown;
  prefilter: { eval(input: RecordInput, at: number): boolean } | null;
  readonly prefixUTF8: readonly number[];
  executeEngine(input: RecordInput, at: number, anchor: number, places: number): number[] | null;
}

const compileRe2 = (pattern: string): Re2 => RE2JS.compile(pattern).re2() as Re2;
const operationOf = (pattern: string): number => {
  const { prog } = compileRe2(pattern);
  return prog.inst[prog.start]!.op;
};
const runeClass = operationOf("[a-c]");
const anyRune = operationOf("(?s).");
const anyRuneNotLf = operationOf(".");

/** Two characters of two bytes: a match at 1 lies inside the first. */
const insideCharacter = Buffer.from("éé");

export class Pattern {
  readonly groups: number;
  readonly #re2: Re2;
  readonly #prefilter: Re2["prefilter"];
  readonly #input: RecordInput;
  readonly #matchesInsideCharacters: boolean;
  /** Made when it is first needed: many patterns are only checked. */
  #automaton: LeftmostEnd | undefined | "not made" = "not made";
  /** The automaton has not been told of the text: most texts end at the literals. */
  #textIsNew = true;
  #text: Buffer = insideCharacter;

  /**
   * @param withAutomaton false: re2js alone, so that tests can compare
   * @throws PatternRefusal with RE2's words
   */
  constructor(source: string, withAutomaton = true) {
    if (!withAutomaton) this.#automaton = undefined;
    const { pattern, groups } = readPattern(source.toWellFormed());
    this.groups = groups;
    this.#re2 = compile(pattern);
    this.#prefilter = this.#re2.prefilter;
    this.#re2.prefilter = null;
    this.#input = new RecordInput(Buffer.from(this.#re2.prefixUTF8));
    this.#input.set(insideCharacter);
    const inside = this.#re2.executeEngine(this.#input, 1, unanchored, 2);
    this.#matchesInsideCharacters = inside !== null && inside[0] === 1;
  }

  /** Is there a match anywhere? Also makes `text` the one that `find` looks at. */
  test(text: Buffer): boolean {
    this.#text = text;
    this.#input.set(text);
    this.#textIsNew = true;
    if (this.#prefilter !== null && !this.#prefilter.eval(this.#input, 0)) return false;
    const end = this.#end(0, true);
    if (end === notKnown ? this.#re2.executeEngine(this.#input, 0, unanchored, 0) !== null : end !== noMatch)
      return true;
    return this.#matchesInsideCharacters && this.#input.continuationFrom(0, text.length) >= 0;
  }

  /**
   * The leftmost-first match at or after `from`, seen with all that stands before it, in the text that `test` was asked about.
   * @param groups how many groups to report, group 0 included
   * @returns start and end of each group, -1 for one that took no part; null when there is no match
   */
  find(from: number, groups: number): readonly number[] | null {
    const match = this.#search(from, groups);
    if (!this.#matchesInsideCharacters) return match;
    const inside = this.#input.continuationFrom(from, match === null ? this.#text.length : match[0]!);
    return inside < 0 ? match : this.#search(inside, groups);
  }

  #search(from: number, groups: number): readonly number[] | null {
    const input = this.#input;
    const end = this.#end(from, false);
    if (end === noMatch) return null;
    if (end !== notKnown) {
      const { start } = this.#automaton as LeftmostEnd;
      if (start === end && groups === 1) return [end, end];
      // Steps end at the match's end. What lost against it on the whole text loses here too, and it is still there: its
      // characters are, and what holds between them is as it was.
      const base = input.narrow(start, end);
      const match = this.#re2.executeEngine(input, start - base, unanchored, 2 * groups);
      input.widen();
      if (match !== null) {
        for (let i = 0; i < match.length; i++) if (match[i]! >= 0) match[i]! += base;
        return match;
      }
    }
    return this.#re2.executeEngine(input, from, unanchored, 2 * groups);
  }

  /** What the automaton says about the text from `from` on. */
  #end(from: number, earliest: boolean): number {
    if (this.#automaton === "not made") this.#automaton = automatonOf(this.#re2);
    const automaton = this.#automaton;
    if (automaton === undefined) return notKnown;
    if (this.#textIsNew) automaton.reset(this.#text.length);
    this.#textIsNew = false;
    let start = from;
    // Every match begins with the prefix, and bytes are found faster than states.
    if (this.#input.prefixLength() > 0 && (this.#re2.cond & beginText) === 0) {
      const distance = this.#input.index(this.#re2, from);
      if (distance < 0) return noMatch;
      start += distance;
    }
    return automaton.end(this.#input, start, earliest);
  }
}

/** undefined where re2js is as fast, or the program is not one for it. */
export function automatonOf({ prog, cond, prefixComplete, numSubexp }: Re2): LeftmostEnd | undefined {
  // Then re2js searches by bytes.
  if (prefixComplete && numSubexp === 0) return undefined;
  return LeftmostEnd.of(prog, cond, (rune) => foldsOf(rune).flat());
}

export function checkPattern(pattern: string): PatternCheck {
  try {
    return { ok: true, groups: new Pattern(pattern).groups };
  } catch (error) {
    if (error instanceof PatternRefusal) return { ok: false, message: error.message };
    throw error;
  }
}

/** re2js' program, changed so that it reads a record as RE2 does. */
export function compile(pattern: string): Re2 {
  let re2: Re2;
  try {
    re2 = compileRe2(pattern);
  } catch (error) {
    // The reader has taken it, so what is left are re2js' limits on size and depth.
    if (error instanceof RE2JSException) throw new PatternRefusal("pattern too large - compile failed");
    throw error;
  }
  const { inst } = re2.prog;
  let instructions = 0;
  for (const { runes } of inst) instructions += runes === null || runes.length === 0 ? 1 : classInstructions(runes);
  if (instructions > instructionsMax) throw new PatternRefusal("pattern too large - compile failed");
  for (const instruction of inst) {
    if (instruction.op === anyRune) {
      instruction.op = runeClass;
      instruction.runes = Int32Array.of(0, lenientRune);
    } else if (instruction.op === anyRuneNotLf) {
      instruction.op = runeClass;
      instruction.runes = Int32Array.of(0, 9, 11, lenientRune);
    } else if (instruction.op === runeClass && instruction.runes !== null) {
      const { runes } = instruction;
      const last = runes.length - 1;
      if (last > 0 && runes[last] === runeMax && runes[last - 1]! <= 0x80) {
        instruction.runes = Int32Array.from(runes);
        instruction.runes[last] = lenientRune;
      }
    }
  }
  // Made from the instructions before they were changed.
  re2.onepass = null;
  return re2;
}
