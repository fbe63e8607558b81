/**
 * Conditions over one record: a tree of all, any and not whose leaves look for texts, patterns, attributes and the severity.
 * Twin of `native/condition/condition.h`; what users write is read in `src/conditions/`.
 */

import { attributeOperator, type Condition, severity } from "../../../../plan/operations.ts";
import { attributeTest } from "../attribute/attribute_filter.ts";
import { patternFinder } from "../match/pattern_bytes.ts";
import { SeverityReader } from "../severity/severity.ts";

/** A record as conditions look at it: what several of them ask is found out once. */
export class RecordView {
  /** `bytes[start, end)` is the record. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  readonly #reader = new SeverityReader();
  #severity = -1;

  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#severity = -1;
  }

  /** A `severity`. */
  get severity(): number {
    if (this.#severity < 0) this.#severity = this.#reader.of(this.bytes, this.start, this.end);
    return this.#severity;
  }
}

/** Does it hold? */
export type PreparedCondition = (record: RecordView) => boolean;

/**
 * @throws PatternRefusal with RE2's words
 * @throws RangeError when an attribute's values do not fit its operator
 */
export function prepareCondition(condition: Condition): PreparedCondition {
  switch (condition.kind) {
    case "all": {
      const parts = condition.of.map(prepareCondition);
      return (record) => parts.every((part) => part(record));
    }
    case "any": {
      const parts = condition.of.map(prepareCondition);
      return (record) => parts.some((part) => part(record));
    }
    case "not": {
      const part = prepareCondition(condition.of);
      return (record) => !part(record);
    }
    case "literal": {
      const literal = Buffer.from(condition.literal);
      if (literal.length === 0) return () => true;
      return ({ bytes, start, end }) => bytes.subarray(start, end).includes(literal);
    }
    case "pattern": {
      const finder = patternFinder(condition.pattern);
      return ({ bytes, start, end }) => finder(bytes, start, end);
    }
    case "attribute": {
      const { operator, values, paths } = condition;
      const test = attributeTest(attributeOperator[operator], values, paths, patternFinder);
      return ({ bytes, start, end }) => test.matches(bytes, start, end);
    }
    case "severity": {
      const least = severity[condition.atLeast];
      return (record) => record.severity >= least;
    }
  }
}
