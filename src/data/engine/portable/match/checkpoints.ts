/**
 * What earlier scans of a text have found out about its rest. An automaton's state at a place decides all that follows, so a
 * scan that comes to a place in a state in which an earlier scan was there can stop: its outcome is known.
 *
 * Without this, a pattern whose matches are short but need a look at the whole rest (`.*[^A-Z]|[A-Z]`) reads the rest of the
 * text once for every match. States are noted every `1 << shift` bytes, a few at each place, for scans may arrive in turns.
 */

const spacingShiftMin = 10;
const placesMax = 4096;
const waysShift = 2;
/** Outcome of a scan that is under way, or was given up. */
const open = -2;

/** No match ends behind the checkpoint. */
const none = -1;

export class Checkpoints {
  /** After `visit` has said true: the end of the match, and where it starts at the earliest. */
  last = none;
  start = 0;
  #shift = spacingShiftMin;
  #states = new Int32Array(0);
  #places = new Int32Array(0);
  #outcomes = new Int32Array(0);
  #starts = new Int32Array(0);
  #used = false;
  readonly #visited: number[] = [];
  readonly #visitedLast: number[] = [];

  /** For another text. */
  reset(textBytes: number): void {
    this.clear();
    this.#shift = spacingShiftMin;
    while (textBytes >> this.#shift >= placesMax) this.#shift++;
  }

  /** Forgets everything: the states have no meaning any more. */
  clear(): void {
    if (this.#used) this.#states.fill(0);
    this.#used = false;
    this.begin();
  }

  begin(): void {
    this.#visited.length = 0;
    this.#visitedLast.length = 0;
  }

  /** The first checkpoint behind `at`. */
  next(at: number): number {
    return ((at >> this.#shift) + 1) << this.#shift;
  }

  /**
   * A scan is at `at` in `state` (never 0).
   * @param last end of the match that it has found so far; none: -1
   * @param start where that match, or the next, starts at the earliest
   * @returns true when the rest is known
   */
  visit(at: number, state: number, last: number, start: number): boolean {
    const entry = ((at >> this.#shift) << waysShift) | (Math.imul(state, 0x9e3779b1) >>> (32 - waysShift));
    if (entry >= this.#states.length) this.#grow(entry + 1);
    if (this.#states[entry] === state && this.#places[entry] === at && this.#outcomes[entry] !== open) {
      const outcome = this.#outcomes[entry]!;
      this.last = outcome === none ? last : outcome;
      // Before the checkpoint, the scans may have gone different ways.
      this.start = this.#starts[entry]! >= at ? this.#starts[entry]! : start;
      return true;
    }
    this.#used = true;
    this.#states[entry] = state;
    this.#places[entry] = at;
    this.#outcomes[entry] = open;
    this.#visited.push(entry);
    this.#visitedLast.push(last);
    return false;
  }

  /** The scan has ended with this. */
  finish(last: number, start: number): void {
    for (let i = 0; i < this.#visited.length; i++) {
      const entry = this.#visited[i]!;
      this.#outcomes[entry] = last === this.#visitedLast[i] ? none : last;
      this.#starts[entry] = start;
    }
  }

  #grow(entries: number): void {
    const size = Math.max(entries, 2 * this.#states.length, 64);
    const grown = (from: Int32Array) => {
      const to = new Int32Array(size);
      to.set(from);
      return to;
    };
    this.#states = grown(this.#states);
    this.#places = grown(this.#places);
    this.#outcomes = grown(this.#outcomes);
    this.#starts = grown(this.#starts);
  }
}
