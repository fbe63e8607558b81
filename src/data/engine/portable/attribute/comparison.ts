/**
 * How a text that a record holds, a JSON attribute or a field of syslog, compares with what a rule or a condition asks for. Twin of
 * `native/attribute/comparison.h`.
 */

import { attributeNumber, attributeNumberBytesMax, attributeOperator } from "../../../../plan/operations.ts";

/** Finds a pattern anywhere in `bytes` from `start` to `end`, which are all that it sees. */
export type PatternFinder = (bytes: Uint8Array, start: number, end: number) => boolean;

export class Comparison {
  /** An `attributeOperator`. */
  readonly operator: number;
  readonly values: readonly Buffer[];
  /** Does it ask for a number and not for its text? */
  readonly comparesNumbers: boolean;
  /** What `greater` and `less` compare with. */
  readonly #limit: number;
  readonly #finder: PatternFinder | undefined;

  /**
   * @param operator an attributeOperator
   * @param values as many as it takes
   * @param compilePattern called once for the operator `regex`, with its pattern's UTF-8; what it throws passes through
   * @throws RangeError when these do not fit
   */
  constructor(operator: number, values: readonly Uint8Array[], compilePattern: (pattern: Uint8Array) => PatternFinder) {
    const several = operator === attributeOperator.equals || operator === attributeOperator.differs;
    const wanted = operator === attributeOperator.exists ? 0 : 1;
    if (values.length < wanted || (values.length > wanted && !several))
      throw new RangeError("an attribute's operator takes another number of values");
    this.operator = operator;
    this.values = values.map((value) => Buffer.from(value));
    this.comparesNumbers = operator === attributeOperator.greater || operator === attributeOperator.less;
    this.#finder = operator === attributeOperator.regex ? compilePattern(values[0]!) : undefined;
    this.#limit = this.comparesNumbers ? numberOf(this.values[0]!) : 0;
    if (Number.isNaN(this.#limit)) throw new RangeError("an attribute is compared with what is no number");
  }

  accepts(text: Buffer): boolean {
    const [first] = this.values;
    switch (this.operator) {
      case attributeOperator.equals:
        return this.values.some((value) => text.equals(value));
      case attributeOperator.contains:
        return contains(text, first!);
      case attributeOperator.regex:
        return this.#finder!(text, 0, text.length);
      case attributeOperator.startsWith:
        return text.subarray(0, first!.length).equals(first!);
      case attributeOperator.endsWith:
        return text.length >= first!.length && text.subarray(text.length - first!.length).equals(first!);
      case attributeOperator.differs:
        return !this.values.some((value) => text.equals(value));
      case attributeOperator.exists:
        return true;
      case attributeOperator.greater:
      case attributeOperator.less:
        return this.acceptsNumber(numberOf(text));
    }
    return false;
  }

  /** For `greater` and `less`. NaN, which is no number, is neither more nor less. */
  acceptsNumber(number: number): boolean {
    return this.operator === attributeOperator.greater ? number > this.#limit : number < this.#limit;
  }
}

/** NaN: the text is no number (`attributeNumber`). */
export function numberOf(text: Buffer): number {
  if (text.length > attributeNumberBytesMax) return Number.NaN;
  const number = text.toString("latin1");
  return attributeNumber.test(number) ? Number(number) : Number.NaN;
}

/** Everything holds the empty text, also an empty Buffer, which `Buffer.includes` denies. */
function contains(text: Buffer, part: Buffer): boolean {
  return part.length === 0 || text.includes(part);
}
