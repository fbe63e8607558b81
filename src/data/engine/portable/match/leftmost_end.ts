/**
 * Where does the leftmost-first match end? A deterministic automaton over re2js' program, made state by state as texts need it
 * (as RE2's own is, dfa.cc). It reads some hundred megabytes a second, re2js' other ways ten; what they are still needed for,
 * the match's start and its groups, they then find between `start` and this end instead of in the whole rest of the text.
 *
 * - A state is the list of the program's threads in order of priority, up to the first that has matched: those behind it have
 *   lost. The search for later starts is the last thread of all (`restart`), so it ends with the first match.
 * - A match is noticed one character late, because `$` and `\b` must see what follows: a state says whether there is a match
 *   before the character that led to it. The end of the text counts as a character.
 * - Where assertions are met, a state holds the threads before them, and what stands before its place; they are followed when
 *   the next character is known. Following them earlier, in two steps, would change the order of priorities where a loop goes
 *   through an assertion (`(?:^|b)+`). Without assertions a state holds the threads that wait for a character.
 * - Memory is bounded. When it is full, all states are forgotten; when that happens too often for the bytes that were read,
 *   the automaton gives up, says that it does not know, and rests for a while.
 */

import { Checkpoints } from "./checkpoints.ts";
import type { RecordInput } from "./record_input.ts";
import { RuneClasses, type RuneSet } from "./rune_classes.ts";

/** re2js' program; the numbers of its operations are held by `pattern.test.ts`. */
export interface Instruction {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  readonly runes: Int32Array | number[] | null;
}
export interface Program {
  readonly inst: readonly Instruction[];
  readonly start: number;
}
export const operation = {
  alternative: 1,
  alternativeMatch: 2,
  capture: 3,
  assertion: 4,
  fail: 5,
  match: 6,
  nothing: 7,
  runes: 8,
  rune: 9,
} as const;

/** re2js' flags for assertions (Utils.EMPTY_*). */
const beginLine = 1;
const endLine = 2;
const beginText = 4;
const endText = 8;
const wordBoundary = 16;
const noWordBoundary = 32;
/** Further flags of a state: what stands before its place, … */
const afterWord = 64;
/** … its threads wait for a character, no assertion is open, … */
const closed = 128;
/** … no thread began before its place, … */
const fresh = 256;
/** … a match ends before the character that led here. */
const matched = 512;

const lf = Int32Array.of(10, 10);
const wordRunes = Int32Array.of(0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a);

/** What the table holds: a state's row, plus one of these four, or a number of its own in the room of row 0. */
const kindMask = 3;
const kindPlain = 0;
const kindFresh = 1;
const kindMatched = 2;
const unknown = 3;
const dead = 7;
const deadMatched = 11;
const rowCellsMin = 12;
/** Row 0 has the numbers that are no state, row 1 the state without threads. */
const statesFixed = 2;

/** Beyond this, the lists of threads are too long to pay. */
const instructionsMax = 50_000;
/** All states of one pattern, in bytes. */
const statesBytesMax = 2 * 1024 * 1024;
const stateOverheadBytes = 200;
/** A full memory that was read with fewer bytes a state than this costs more than it gives. */
const bytesPerStateMin = 16;
const restSearchesMax = 1024;

/** Answers of `end` that are no place. */
export const noMatch = -1;
export const notKnown = -2;

export class LeftmostEnd {
  /** The match that `end` has found starts here or later. */
  start = 0;
  readonly #checkpoints = new Checkpoints();
  readonly #classes: RuneClasses;
  readonly #endClass: number;
  readonly #wordSet: number;
  readonly #lfClass: number;
  /** The program, column by column. */
  readonly #ops: Uint8Array;
  readonly #outs: Int32Array;
  readonly #args: Int32Array;
  readonly #sets: Int32Array;
  readonly #first: number;
  readonly #restart: number;
  readonly #anchored: boolean;
  readonly #neverMatches: boolean;
  /** Which flags of what stands before a place make a difference. */
  readonly #contextMask: number;

  readonly #row: number;
  #table: Int32Array;
  #threads: Uint16Array[] = [];
  #flags: number[] = [];
  readonly #states = new Map<string, number>();
  #bytes = 0;
  /** Where searches start, by what stands before. */
  readonly #starts = new Int32Array(2 * fresh);

  readonly #visited: Int32Array;
  #visit = 0;
  readonly #stack: Int32Array;
  readonly #waiting: Uint16Array;
  readonly #next: Uint16Array;
  #asserted = false;

  /** Bytes read since the states were last forgotten, before `#countedFrom` of the search under way. */
  #read = 0;
  #countedFrom = 0;
  #failures = 0;
  #rest = 0;

  private constructor(program: Program, condition: number, classes: RuneClasses, sets: Int32Array, wordSet: number) {
    const { inst } = program;
    this.#classes = classes;
    this.#endClass = classes.count + 1;
    this.#wordSet = wordSet;
    this.#lfClass = classes.of(10);
    this.#ops = Uint8Array.from(inst, ({ op }) => op);
    this.#outs = Int32Array.from(inst, ({ out }) => out);
    this.#args = Int32Array.from(inst, ({ arg }) => arg);
    this.#sets = sets;
    this.#first = program.start;
    this.#restart = inst.length;
    this.#anchored = (condition & beginText) !== 0;
    this.#neverMatches = condition === -1;
    let asserted = 0;
    for (const { op, arg } of inst) if (op === operation.assertion) asserted |= arg;
    this.#contextMask =
      (asserted & (beginText | beginLine)) | ((asserted & (wordBoundary | noWordBoundary)) !== 0 ? afterWord : 0);
    this.#row = Math.max(rowCellsMin, (this.#endClass + 1 + kindMask) & ~kindMask);
    this.#table = new Int32Array(16 * this.#row);
    this.#visited = new Int32Array(inst.length);
    this.#stack = new Int32Array(inst.length + 1);
    this.#waiting = new Uint16Array(inst.length + 1);
    this.#next = new Uint16Array(inst.length + 1);
    this.#forget();
  }

  /**
   * @param condition what re2js says must hold where a match starts; -1: nothing matches
   * @param foldsOf the code points that re2js takes for the same as this one when case does not count
   * @returns undefined for a program that is too large or has instructions unknown here
   */
  static of(program: Program, condition: number, foldsOf: (rune: number) => RuneSet): LeftmostEnd | undefined {
    const { inst } = program;
    if (inst.length > instructionsMax) return undefined;
    const sets: RuneSet[] = [lf];
    const numbers = new Map<unknown, number>();
    const setOf = new Int32Array(inst.length);
    let words = false;
    for (const [at, { op, arg, runes }] of inst.entries()) {
      if (op < operation.alternative || op > operation.rune) return undefined;
      if (op === operation.assertion) words ||= (arg & (wordBoundary | noWordBoundary)) !== 0;
      if (op !== operation.rune && op !== operation.runes) continue;
      if (runes === null) return undefined;
      const folds = op === operation.runes && runes.length === 1 && (arg & 1) !== 0;
      const key = runes.length === 1 ? `${folds}${runes[0]}` : runes;
      let number = numbers.get(key);
      if (number === undefined) {
        const text = runes.length === 1 ? key : runes.join();
        number = numbers.get(text);
        if (number === undefined) {
          number = sets.length;
          if (runes.length !== 1) sets.push(runes);
          else sets.push(folds ? foldsOf(runes[0]!) : [runes[0]!, runes[0]!]);
        }
        numbers.set(text, number);
        numbers.set(key, number);
      }
      setOf[at] = number;
    }
    const wordSet = words ? sets.push(wordRunes) - 1 : -1;
    const classes = RuneClasses.of(sets);
    return classes === undefined ? undefined : new LeftmostEnd(program, condition, classes, setOf, wordSet);
  }

  /** The input has another text. */
  reset(textBytes: number): void {
    this.#checkpoints.reset(textBytes);
  }

  /**
   * Searches from `from` to the text's end.
   * @param earliest any place where a match is certain will do
   * @returns the place behind the leftmost-first match; `noMatch`, or `notKnown`
   */
  end(input: RecordInput, from: number, earliest: boolean): number {
    if (this.#neverMatches || (this.#anchored && from !== 0)) return noMatch;
    if (this.#rest > 0) {
      this.#rest--;
      return notKnown;
    }
    const { bytes } = input;
    const textEnd = bytes.length;
    const { ofByte } = this.#classes;
    const checkpoints = this.#checkpoints;
    checkpoints.begin();
    this.#countedFrom = from;
    let state = this.#startState(bytes, from);
    let table = this.#table;
    let start = from;
    let last = noMatch;
    let at = from;
    let limit = earliest ? textEnd : Math.min(textEnd, checkpoints.next(at));
    scan: for (;;) {
      while (at < limit) {
        const runeClass = ofByte[bytes[at]!]!;
        let to = table[state + runeClass]!;
        // Most characters lead to a plain or a fresh state.
        if ((to & kindMatched) === 0) {
          state = to & ~kindFresh;
          at++;
          if (state !== to) start = at;
          continue;
        }
        let width = 1;
        if (to === unknown) {
          let known = runeClass;
          if (known === 0) {
            const step = input.step(at);
            width = step & 7;
            known = this.#classes.of(step >> 3);
            to = table[state + known]!;
          }
          if (to === unknown) {
            to = this.#follow(state, known, at);
            if (to === notKnown) return this.#giveUp();
            table = this.#table;
          }
        }
        switch (to & kindMask) {
          case kindPlain:
            state = to;
            break;
          case kindFresh:
            state = to - kindFresh;
            start = at + width;
            break;
          case kindMatched:
            state = to - kindMatched;
            last = at;
            if (earliest) break scan;
            break;
          default:
            if (to === deadMatched) last = at;
            break scan;
        }
        at += width;
      }
      if (at >= textEnd) {
        let to = table[state + this.#endClass]!;
        if (to === unknown) to = this.#follow(state, this.#endClass, at);
        if (to === deadMatched) last = at;
        break;
      }
      if (checkpoints.visit(at, state, last, start)) {
        last = checkpoints.last;
        start = checkpoints.start;
        break;
      }
      limit = Math.min(textEnd, checkpoints.next(at));
    }
    if (!earliest) checkpoints.finish(last, start);
    this.#read += at - this.#countedFrom;
    this.start = start;
    return last;
  }

  #startState(bytes: Buffer, from: number): number {
    let flags = fresh;
    if (from === 0) flags |= beginText | beginLine;
    else {
      const before = this.#classes.ofByte[bytes[from - 1]!]!;
      if (before !== 0) flags |= this.#contextAfter(before);
    }
    flags &= this.#contextMask | fresh;
    const known = this.#starts[flags]!;
    if (known !== 0) return known;
    this.#next[0] = this.#restart;
    let state = this.#state(1, flags);
    if (state === notKnown) {
      this.#forget();
      this.#checkpoints.clear();
      state = this.#state(1, flags);
    }
    state = state === dead ? this.#row : state & ~kindMask;
    this.#starts[flags] = state;
    return state;
  }

  #contextAfter(runeClass: number): number {
    if (runeClass === this.#lfClass) return beginLine;
    return this.#wordSet >= 0 && this.#classes.has(this.#wordSet, runeClass) ? afterWord : 0;
  }

  /** Where a state goes on a class; `notKnown`: the memory was full again too soon. */
  #follow(state: number, runeClass: number, at: number): number {
    const index = state / this.#row;
    const threads = this.#threads[index]!;
    const flags = this.#flags[index]!;
    const atEnd = runeClass === this.#endClass;
    let waiting = threads;
    let count = threads.length;
    if ((flags & closed) === 0) {
      let holds = flags & (beginText | beginLine);
      let wordNext = false;
      if (atEnd) holds |= endText | endLine;
      else {
        if (runeClass === this.#lfClass) holds |= endLine;
        wordNext = (this.#contextAfter(runeClass) & afterWord) !== 0;
      }
      holds |= wordNext === ((flags & afterWord) !== 0) ? noWordBoundary : wordBoundary;
      count = this.#walk(threads, threads.length, holds);
      waiting = this.#waiting;
    }
    const next = this.#next;
    const visited = this.#visited;
    const visit = this.#newVisit();
    let size = 0;
    let matches = false;
    for (let i = 0; i < count; i++) {
      const thread = waiting[i]!;
      if (thread === this.#restart) next[size++] = thread;
      else if (this.#ops[thread] === operation.match) {
        matches = true;
        break;
      } else if (!atEnd && this.#classes.has(this.#sets[thread]!, runeClass)) {
        const out = this.#outs[thread]!;
        if (visited[out] === visit) continue;
        visited[out] = visit;
        next[size++] = out;
      }
    }
    let to: number;
    if (atEnd || size === 0) to = matches ? deadMatched : dead;
    else {
      let context = this.#contextAfter(runeClass) & this.#contextMask;
      if (matches) context |= matched;
      if (size === 1 && next[0] === this.#restart) context |= fresh;
      to = this.#state(size, context);
      if (to === notKnown) {
        const read = this.#read + at - this.#countedFrom;
        if (read < bytesPerStateMin * this.#threads.length) return notKnown;
        this.#forget();
        this.#checkpoints.clear();
        this.#countedFrom = at;
        // The state that led here is forgotten, so nothing is noted about it.
        return this.#state(size, context);
      }
    }
    this.#table[state + runeClass] = to;
    return to;
  }

  /** The state with the first `size` threads of `#next`; `notKnown` when there is no memory left for it. */
  #state(size: number, context: number): number {
    this.#asserted = false;
    const count = this.#walk(this.#next, size, 0);
    let threads = this.#next.subarray(0, size);
    let flags = context;
    if (!this.#asserted) {
      threads = this.#waiting.subarray(0, count);
      flags = (context & (fresh | matched)) | closed;
      if (count === 0) return (flags & matched) !== 0 ? deadMatched : dead;
    }
    const key = String.fromCharCode(flags) + Buffer.from(threads.buffer, 0, 2 * threads.length).toString("utf16le");
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const bytes = 4 * this.#row + 4 * threads.length + stateOverheadBytes;
    // One state always has room, however large.
    if (this.#bytes + bytes > statesBytesMax && this.#threads.length > statesFixed) return notKnown;
    this.#bytes += bytes;
    const state = this.#addRow(unknown);
    this.#threads.push(threads.slice());
    this.#flags.push(flags);
    let to = state;
    if ((flags & matched) !== 0) to += kindMatched;
    else if ((flags & fresh) !== 0) to += kindFresh;
    this.#states.set(key, to);
    return to;
  }

  /**
   * Follows threads, in order of priority, to where they wait for a character; fills `#waiting`, up to the first match.
   * @param holds the assertions that hold
   * @returns how many there are
   */
  #walk(roots: Uint16Array, size: number, holds: number): number {
    const ops = this.#ops;
    const outs = this.#outs;
    const args = this.#args;
    const stack = this.#stack;
    const waiting = this.#waiting;
    const visited = this.#visited;
    const visit = this.#newVisit();
    const restart = this.#restart;
    let count = 0;
    for (let i = 0; i < size; i++) {
      const root = roots[i]!;
      let at = root === restart ? this.#first : root;
      let depth = 0;
      for (;;) {
        // Instruction 0 is re2js' failure.
        while (at !== 0 && visited[at] !== visit) {
          visited[at] = visit;
          switch (ops[at]) {
            case operation.alternative:
            case operation.alternativeMatch:
              stack[depth++] = args[at]!;
              at = outs[at]!;
              break;
            case operation.capture:
            case operation.nothing:
              at = outs[at]!;
              break;
            case operation.assertion:
              this.#asserted = true;
              at = (args[at]! & ~holds) === 0 ? outs[at]! : 0;
              break;
            case operation.match:
              waiting[count++] = at;
              return count;
            case operation.rune:
            case operation.runes:
              waiting[count++] = at;
              at = 0;
              break;
            default:
              at = 0;
          }
        }
        if (depth === 0) break;
        at = stack[--depth]!;
      }
      if (root === restart && !this.#anchored) waiting[count++] = restart;
    }
    return count;
  }

  #newVisit(): number {
    if (this.#visit === 0x7fffffff) {
      this.#visited.fill(0);
      this.#visit = 0;
    }
    return ++this.#visit;
  }

  #addRow(filler: number): number {
    const state = this.#threads.length * this.#row;
    if (state + this.#row > this.#table.length) {
      const grown = new Int32Array(2 * this.#table.length);
      grown.set(this.#table);
      this.#table = grown;
    }
    this.#table.fill(filler, state, state + this.#row);
    // Bytes outside ASCII are looked at as characters.
    this.#table[state] = unknown;
    return state;
  }

  #forget(): void {
    this.#states.clear();
    this.#threads = [];
    this.#flags = [];
    this.#starts.fill(0);
    this.#bytes = 0;
    this.#read = 0;
    for (let i = 0; i < statesFixed; i++) {
      this.#addRow(dead);
      this.#threads.push(new Uint16Array(0));
      this.#flags.push(closed);
    }
  }

  #giveUp(): number {
    this.#rest = Math.min(restSearchesMax, 2 ** this.#failures++);
    // Full, and of too little use: room for other texts.
    this.#forget();
    this.#checkpoints.clear();
    return notKnown;
  }
}
