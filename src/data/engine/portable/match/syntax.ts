/**
 * RE2's grammar, read once to refuse what RE2 refuses, in RE2's words, before re2js sees the pattern.
 *
 * re2js takes more than RE2 (look-behind behind a flag, further Unicode class names), takes less (non-ASCII group names)
 * and words its refusals as Go does. So this reader decides, and what it hands on is the same pattern without group names.
 * The grammar is the one documented at github.com/google/re2/wiki/Syntax; the sentences are those of RE2's status codes.
 */

import {
  classRanges,
  classText,
  complement,
  foldsSince,
  isUnicodeGroup,
  type Range,
  unicodeGroup,
  unicodeGroupFolded,
} from "./unicode_groups.ts";

/** What the reader learned of a pattern that RE2 takes. */
export interface Syntax {
  /** The same pattern for re2js: group names are gone, all else is as it was. */
  readonly pattern: string;
  readonly groups: number;
}

/** RE2's limit on counted repetitions, nested ones multiplied. */
const repeatMax = 1000;
const runeMax = 0x10ffff;

/** Letters and marks that Python takes in names, which RE2 allows in group names. */
const groupName = /^[\p{Lu}\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]+$/u;

const posixClasses = new Set(
  [
    [
      "alnum",
      "alpha",
      "ascii",
      "blank",
      "cntrl",
      "digit",
      "graph",
      "lower",
      "print",
      "punct",
      "space",
      "upper",
      "word",
    ],
    ["xdigit"],
  ]
    .flat()
    .flatMap((name) => [`[:${name}:]`, `[:^${name}:]`]),
);

/** RE2's own sentence about a pattern. */
export class PatternRefusal extends Error {}

interface Frame {
  /** Whether an expression that a repetition may follow stands before here. */
  operand: boolean;
  /** Most copies of its innermost part that the last expression, and the whole group so far, stand for. */
  lastCopies: number;
  copies: number;
  /** Whether letters match both cases here. */
  foldsCase: boolean;
}

/**
 * @param pattern well-formed text
 * @throws PatternRefusal with RE2's words
 */
export function readPattern(pattern: string): Syntax {
  return new Reader(pattern).read();
}

class Reader {
  readonly #text: string;
  #at = 0;
  #groups = 0;
  readonly #out: string[] = [];
  readonly #frames: Frame[] = [newFrame(false)];

  constructor(text: string) {
    this.#text = text;
  }

  read(): Syntax {
    const text = this.#text;
    // Start of the repetition just read; -1 when the last thing was none.
    let lastRepeat = -1;
    while (this.#at < text.length) {
      const start = this.#at;
      let repeat = -1;
      switch (text[start]) {
        case "(":
          if (text[start + 1] === "?") this.#perlFlags();
          else this.#open("(", 1, true);
          break;
        case "|":
          this.#top().operand = false;
          this.#copy(1);
          break;
        case ")":
          this.#close();
          break;
        case "^":
        case "$":
        case ".":
          this.#copy(1);
          this.#operand();
          break;
        case "[":
          this.#characterClass();
          this.#operand();
          break;
        case "*":
        case "+":
        case "?":
          this.#at++;
          this.#lazy();
          this.#refuseStacked(lastRepeat);
          this.#repeated(start);
          repeat = start;
          break;
        case "{": {
          const counts = this.#counts();
          if (counts === undefined) {
            // Not a repetition: a literal brace. re2js may think otherwise of digits beyond its limit.
            this.#at = start + 1;
            this.#literal(0x7b);
            break;
          }
          this.#lazy();
          this.#refuseStacked(lastRepeat);
          this.#counted(counts, start);
          repeat = start;
          break;
        }
        case "\\":
          this.#backslash();
          break;
        default:
          this.#at += runeLength(text, start);
          this.#literal(text.codePointAt(start)!);
      }
      lastRepeat = repeat;
    }
    if (this.#frames.length > 1) refuse("missing )", text);
    return { pattern: this.#out.join(""), groups: this.#groups };
  }

  #top(): Frame {
    return this.#frames[this.#frames.length - 1]!;
  }

  #copy(length: number): void {
    this.#out.push(this.#text.slice(this.#at, this.#at + length));
    this.#at += length;
  }

  #operand(copies = 1): void {
    const frame = this.#top();
    frame.operand = true;
    frame.lastCopies = copies;
    frame.copies = Math.max(frame.copies, copies);
  }

  /** A character that stands for itself. */
  #literal(rune: number): void {
    const text = escaped(String.fromCodePoint(rune));
    this.#out.push(this.#top().foldsCase && foldsSince(rune) ? `(?-i:${text})` : text);
    this.#operand();
  }

  #open(text: string, length: number, captures: boolean, foldsCase = this.#top().foldsCase): void {
    if (captures) this.#groups++;
    this.#out.push(text);
    this.#at += length;
    this.#frames.push(newFrame(foldsCase));
  }

  #close(): void {
    if (this.#frames.length === 1) refuse("unexpected )", this.#text);
    const { copies } = this.#frames.pop()!;
    this.#copy(1);
    this.#operand(copies);
  }

  #lazy(): void {
    if (this.#text[this.#at] === "?") this.#at++;
  }

  #refuseStacked(lastRepeat: number): void {
    if (lastRepeat >= 0) refuse("bad repetition operator", this.#text.slice(lastRepeat, this.#at));
  }

  /** After `*`, `+`, `?` has been read from `start`. */
  #repeated(start: number): void {
    const text = this.#text.slice(start, this.#at);
    if (!this.#top().operand) refuse("no argument for repetition operator", text);
    this.#out.push(text);
  }

  #counted({ min, max }: Counts, start: number): void {
    const text = this.#text.slice(start, this.#at);
    if ((max !== -1 && max < min) || min > repeatMax || max > repeatMax) refuse("invalid repetition size", text);
    const frame = this.#top();
    if (!frame.operand) refuse("no argument for repetition operator", text);
    const times = max < 0 ? min : max;
    const copies = times > 0 ? frame.lastCopies * times : frame.lastCopies;
    if ((min >= 2 || max >= 2) && copies > repeatMax) refuse("invalid repetition size", text);
    this.#operand(copies);
    this.#out.push(text);
  }

  /** `{2}`, `{2,}`, `{2,4}`; undefined, and nothing consumed for good, when it is none of these. */
  #counts(): Counts | undefined {
    // Nine digits that do not overflow RE2's reader; no leading zero.
    const found = /^\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/.exec(this.#text.slice(this.#at, this.#at + 32));
    if (found === null) return undefined;
    const [all, low, comma, high] = found;
    const min = Number(low);
    const max = comma === undefined ? min : high === undefined ? -1 : Number(high);
    if (min >= 1_000_000_000 || max >= 1_000_000_000) return undefined;
    this.#at += all.length;
    return { min, max };
  }

  #perlFlags(): void {
    const rest = this.#text.slice(this.#at);
    if (rest.length > 3 && (rest[2] === "=" || rest[2] === "!")) refuse("invalid perl operator", rest.slice(0, 3));
    if (rest.length > 4 && rest[2] === "<" && (rest[3] === "=" || rest[3] === "!"))
      refuse("invalid perl operator", rest.slice(0, 4));
    const named = rest.length > 4 && rest.startsWith("(?P<") ? 4 : rest.length > 3 && rest[2] === "<" ? 3 : 0;
    if (named > 0) {
      const end = rest.indexOf(">", named);
      if (end < 0) refuse("invalid named capture group", rest);
      if (!groupName.test(rest.slice(named, end))) refuse("invalid named capture group", rest.slice(0, end + 1));
      this.#open("(", end + 1, true);
      return;
    }
    let negated = false;
    let sawFlags = false;
    let { foldsCase } = this.#top();
    for (let at = 2; ; ) {
      if (at >= rest.length) refuse("invalid perl operator", rest);
      const letter = rest[at]!;
      at += runeLength(rest, at);
      if (letter === "i" || letter === "m" || letter === "s" || letter === "U") {
        sawFlags = true;
        if (letter === "i") foldsCase = !negated;
      } else if (letter === "-" && !negated) {
        negated = true;
        sawFlags = false;
      } else if (letter === ":" || letter === ")") {
        if (negated && !sawFlags) refuse("invalid perl operator", rest.slice(0, at));
        if (letter === ":") this.#open(rest.slice(0, at), at, false, foldsCase);
        else {
          this.#top().foldsCase = foldsCase;
          this.#copy(at);
        }
        return;
      } else refuse("invalid perl operator", rest.slice(0, at));
    }
  }

  #backslash(): void {
    const text = this.#text;
    const next = text[this.#at + 1];
    if (next === "Q") {
      const end = text.indexOf("\\E", this.#at + 2);
      const stop = end < 0 ? text.length : end;
      for (const rune of text.slice(this.#at + 2, stop)) this.#literal(rune.codePointAt(0)!);
      this.#at = end < 0 ? text.length : end + 2;
      return;
    }
    if (next === "C") refuse("invalid escape sequence", "\\C");
    if (next === "b" || next === "B" || next === "A" || next === "z") this.#copy(2);
    else if (next === "p" || next === "P") {
      const group = this.#unicodeGroup();
      if (this.#top().foldsCase) {
        const folded = classText(unicodeGroupFolded(group.name));
        this.#out.push(group.negated ? "(?-i:[^" : "(?-i:[", folded, "])");
      } else this.#out.push(group.negated ? "[^" : "[", classText(group.ranges), "]");
    } else if (next !== undefined && "dDsSwW".includes(next)) this.#copy(2);
    else {
      this.#literal(this.#escape());
      return;
    }
    this.#operand();
  }

  /** Reads one escape sequence that stands for a character. */
  #escape(): number {
    const text = this.#text;
    const start = this.#at;
    if (start + 1 >= text.length) refuse("trailing \\");
    const letter = text[start + 1]!;
    this.#at = start + 1 + runeLength(text, start + 1);
    const bad = (): never => refuse("invalid escape sequence", text.slice(start, this.#at));
    const control = controls[letter];
    if (control !== undefined) return control;
    if (letter >= "0" && letter <= "7") {
      const digits = /^[0-7]{1,3}/.exec(text.slice(start + 1, start + 4))![0];
      if (letter !== "0" && digits.length === 1) bad();
      this.#at = start + 1 + digits.length;
      return Number.parseInt(digits, 8);
    }
    if (letter === "x") return this.#hexadecimal(bad);
    if (letter.charCodeAt(0) < 0x80 && !/[0-9A-Za-z]/.test(letter)) return letter.charCodeAt(0);
    return bad();
  }

  #hexadecimal(bad: () => never): number {
    const text = this.#text;
    const take = (): string => {
      if (this.#at >= text.length) bad();
      const rune = text.slice(this.#at, this.#at + runeLength(text, this.#at));
      this.#at += rune.length;
      return rune;
    };
    const first = take();
    if (first === "{") {
      if (this.#at >= text.length) refuse("invalid UTF-8");
      let value = 0;
      let digits = 0;
      let rune = take();
      while (isHexadecimal(rune)) {
        digits++;
        value = value * 16 + Number.parseInt(rune, 16);
        if (value > runeMax) bad();
        rune = take();
      }
      if (rune !== "}" || digits === 0) bad();
      return value;
    }
    const second = take();
    if (!isHexadecimal(first) || !isHexadecimal(second)) bad();
    return Number.parseInt(first + second, 16);
  }

  /** Reads `\pN` or `\p{Greek}`. */
  #unicodeGroup(): { name: string; ranges: readonly Range[]; negated: boolean } {
    const text = this.#text;
    const start = this.#at;
    if (start + 2 >= text.length) refuse("invalid UTF-8");
    let name: string;
    let end: number;
    if (text[start + 2] === "{") {
      const brace = text.indexOf("}", start + 3);
      if (brace < 0) refuse("invalid character class range", text.slice(start));
      name = text.slice(start + 3, brace);
      end = brace + 1;
    } else {
      end = start + 2 + runeLength(text, start + 2);
      name = text.slice(start + 2, end);
    }
    let negated = text[start + 1] === "P";
    if (name.startsWith("^")) {
      negated = !negated;
      name = name.slice(1);
    }
    if (!isUnicodeGroup(name)) refuse("invalid character class range", text.slice(start, end));
    this.#at = end;
    return { name, ranges: unicodeGroup(name), negated };
  }

  #characterClass(): void {
    const text = this.#text;
    const start = this.#at;
    const { foldsCase } = this.#top();
    // What re2js reads as RE2 does, and what is worked out here.
    const plain: string[] = [];
    const groups: Range[] = [];
    let workedOut = false;
    this.#at++;
    const negated = text[this.#at] === "^";
    if (negated) this.#at++;
    for (let first = true; this.#at < text.length && (text[this.#at] !== "]" || first); first = false) {
      if (text.length - this.#at > 2 && text.startsWith("[:", this.#at)) {
        const end = text.indexOf(":]", this.#at + 2);
        if (end >= 0) {
          const name = text.slice(this.#at, end + 2);
          if (!posixClasses.has(name)) refuse("invalid character class range", name);
          plain.push(name);
          this.#at = end + 2;
          continue;
        }
      }
      const next = text[this.#at] === "\\" ? text[this.#at + 1] : undefined;
      if ((next === "p" || next === "P") && text.length - this.#at > 2) {
        const group = this.#unicodeGroup();
        const ranges = foldsCase ? unicodeGroupFolded(group.name) : group.ranges;
        groups.push(...(group.negated ? complement(ranges) : ranges));
        workedOut = true;
        continue;
      }
      if (next !== undefined && "dDsSwW".includes(next)) {
        plain.push(`\\${next}`);
        this.#at += 2;
        continue;
      }
      const rangeStart = this.#at;
      const low = this.#classRune(start);
      let high = low;
      if (text.length - this.#at >= 2 && text[this.#at] === "-" && text[this.#at + 1] !== "]") {
        this.#at++;
        high = this.#classRune(start);
        if (high < low) refuse("invalid character class range", text.slice(rangeStart, this.#at));
      }
      plain.push(classText([[low, high]]));
      workedOut ||= foldsSince(low, high);
    }
    if (this.#at >= text.length) refuse("missing ]", text.slice(start));
    this.#at++;
    const open = negated ? "[^" : "[";
    if (!workedOut) this.#out.push(open, ...plain, "]");
    else {
      const ranges = [...groups, ...classRanges(plain.join(""), foldsCase)];
      if (ranges.length > 0) this.#out.push("(?-i:", open, classText(ranges), "])");
      else this.#out.push(negated ? "(?s:.)" : "[^\\x{0}-\\x{10ffff}]");
    }
  }

  #classRune(classStart: number): number {
    const text = this.#text;
    if (this.#at >= text.length) refuse("missing ]", text.slice(classStart));
    if (text[this.#at] === "\\") return this.#escape();
    const rune = text.codePointAt(this.#at)!;
    this.#at += rune > 0xffff ? 2 : 1;
    return rune;
  }
}

interface Counts {
  readonly min: number;
  /** -1: no upper limit. */
  readonly max: number;
}

const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, a: 7, f: 12, v: 11 };

function newFrame(foldsCase: boolean): Frame {
  return { operand: false, lastCopies: 1, copies: 1, foldsCase };
}

function isHexadecimal(rune: string): boolean {
  return /^[0-9A-Fa-f]$/.test(rune);
}

/** A character in a form that means itself, in a class and outside. */
function escaped(rune: string): string {
  if (/^[0-9A-Za-z]$/.test(rune)) return rune;
  return `\\x{${rune.codePointAt(0)!.toString(16)}}`;
}

function runeLength(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}

function refuse(words: string, argument = ""): never {
  throw new PatternRefusal(argument === "" ? words : `${words}: ${argument}`);
}
