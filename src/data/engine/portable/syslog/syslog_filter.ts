/**
 * Does a syslog record hold, in one of its fields, a value such as a rule or a condition asks for? Twin of
 * `native/syslog/syslog_filter.h`.
 */

import { Comparison, type PatternFinder } from "../attribute/comparison.ts";
import { SyslogFieldReader } from "./field.ts";
import type { SyslogMessage } from "./message.ts";

export class SyslogFilter {
  readonly #comparison: Comparison;
  readonly #reader: SyslogFieldReader;

  /**
   * @param operator an attributeOperator
   * @param values as many as it takes
   * @param field as `encodeSyslogField` writes it
   * @throws RangeError when these do not fit
   */
  constructor(
    operator: number,
    values: readonly Uint8Array[],
    field: Uint8Array,
    compilePattern: (pattern: Uint8Array) => PatternFinder,
  ) {
    this.#comparison = new Comparison(operator, values, compilePattern);
    this.#reader = new SyslogFieldReader(field);
  }

  /** The field's text, whatever the operator and value. @returns undefined: the record has no such field */
  find(bytes: Uint8Array, message: SyslogMessage): Buffer | undefined {
    return this.#reader.text(bytes, message);
  }

  /** @param bytes those that `message` was read from */
  matches(bytes: Uint8Array, message: SyslogMessage): boolean {
    if (message.priority === -1) return false;
    if (this.#comparison.comparesNumbers) return this.#comparison.acceptsNumber(this.#reader.number(bytes, message));
    const text = this.#reader.text(bytes, message);
    return text !== undefined && this.#comparison.accepts(text);
  }
}
