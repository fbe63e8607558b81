/** A line of a corpus, and what should become of it. */

/** One line and the planted value in it, if any. */
export interface Line {
  readonly text: string;
  readonly planted?: string;
}
