/**
 * Conditions over one record: a tree of all, any and not whose leaves look for texts, patterns, attributes, syslog fields
 * and the severity, or at where and when the record came.
 * Twin of `native/condition/condition.h`; what users write is read in `src/conditions/`.
 */

import { attributeOperator, type Condition, severity } from "../../../../plan/operations.ts";
import { transport } from "../../../ring/layout.ts";
import { attributeTest } from "../attribute/attribute_filter.ts";
import { patternFinder } from "../match/pattern_bytes.ts";
import { RecordContext } from "../plan/record_context.ts";
import { SeverityReader } from "../severity/severity.ts";
import { SyslogMessage } from "../syslog/message.ts";
import { SyslogFilter } from "../syslog/syslog_filter.ts";

/** A record as conditions look at it: what several of them ask is found out once. */
export class RecordView {
  /** `bytes[start, end)` is the record. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  /** Where the records that follow came from. */
  context = new RecordContext();
  readonly #reader = new SeverityReader();
  #severity = -1;
  readonly #syslog = new SyslogMessage();
  #read = false;

  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#severity = -1;
    this.#read = false;
  }

  /** A `severity`. */
  get severity(): number {
    if (this.#severity < 0) this.#severity = this.#reader.of(this.bytes, this.start, this.end);
    return this.#severity;
  }

  get syslog(): SyslogMessage {
    if (!this.#read) this.#syslog.read(this.bytes, this.start, this.end);
    this.#read = true;
    return this.#syslog;
  }
}

/** Does it hold? `unknown`: what a question for a source or transport that is not known answers. */
export type PreparedCondition = (record: RecordView, unknown: boolean) => boolean;

/**
 * @throws PatternRefusal with RE2's words
 * @throws RangeError when an attribute's values do not fit its operator
 */
export function prepareCondition(condition: Condition): PreparedCondition {
  switch (condition.kind) {
    case "all": {
      const parts = condition.of.map(prepareCondition);
      return (record, unknown) => parts.every((part) => part(record, unknown));
    }
    case "any": {
      const parts = condition.of.map(prepareCondition);
      return (record, unknown) => parts.some((part) => part(record, unknown));
    }
    case "not": {
      const part = prepareCondition(condition.of);
      return (record, unknown) => !part(record, !unknown);
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
    case "syslog": {
      const filter = new SyslogFilter(
        attributeOperator[condition.operator],
        condition.values,
        condition.field,
        patternFinder,
      );
      return (record) => filter.matches(record.bytes, record.syslog);
    }
    case "severity": {
      const least = severity[condition.atLeast];
      return (record) => record.severity >= least;
    }
    case "source": {
      const networks = condition.networks.map((network) => ({ bits: network[0]!, address: network.subarray(1) }));
      return ({ context: { address } }, unknown) =>
        address.length === 0 ? unknown : networks.some(({ bits, address: network }) => isIn(address, network, bits));
    }
    case "transport": {
      const { transports } = condition;
      return ({ context }, unknown) =>
        context.transport === transport.unknown ? unknown : ((transports >> context.transport) & 1) === 1;
    }
    case "time": {
      const { periodMs, lengthMs } = condition;
      return ({ context }) => Math.floor(context.receivedAtMs) % periodMs < lengthMs;
    }
  }
}

/** Do the first `bits` of two addresses agree, and are they of one family? */
function isIn(address: Uint8Array, network: Uint8Array, bits: number): boolean {
  if (address.length !== network.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== network[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (address[whole]! ^ network[whole]!) >> (8 - rest) === 0;
}
