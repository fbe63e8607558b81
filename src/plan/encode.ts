/**
 * A plan as bytes, so that an engine in any language can read it, and so that a fuzzer can write it.
 *
 *     u32 magic 'SGP3' · u32 rules · u32 operations · u32 routes · u32 outputs · u32 service paths · u64 seed
 *     per service path: u32 length · bytes
 *     per rule: u64 state
 *     per operation: u16 code · u16 flags · u32 rule · u32 args · u32 conditions (0 or 1) · per argument: u32 length · bytes · condition
 *     per route: u32 output · condition
 *
 *     condition: u16 code · u16 detail · u32 values · u32 paths · u32 parts
 *                per value and per path: u32 length · bytes
 *                per part: condition
 *
 * `detail` is the operator of an attribute or of a syslog field (whose one path is the field, as `encodeSyslogField` writes it), the least severity or the transports, else 0. A literal or a pattern is a condition's one value, a
 * source's networks are its values, and the one value of a time is u32 period · u32 length, in ms. `parts` are what all, any and not are
 * about. All integers little-endian, nothing aligned. Rule ids stay in TypeScript: an engine knows rules by number.
 */

import {
  attributeOperator,
  type Condition,
  conditionCode,
  type Operation,
  operationCode,
  type Plan,
  severity,
} from "./operations.ts";

/** 'SGP3' read as a little-endian u32. */
export const planMagic = 0x33504753;

/** @returns a fresh buffer; the inverse is `native/plan/decode.h` */
export function encodePlan(plan: Plan): Uint8Array {
  const { rules, operations, seed = 0n, service = [], routes = [], outputs = 0 } = plan;
  const pieces = [
    words(planMagic, rules.length, operations.length, routes.length, outputs, service.length),
    longWord(seed),
    ...service.flatMap(textPieces),
  ];
  for (const { state = 0n } of rules) pieces.push(longWord(state));
  for (const operation of operations) pieces.push(...operationPieces(operation));
  for (const { output, condition } of routes) pieces.push(words(output), ...conditionPieces(condition));
  return Buffer.concat(pieces);
}

function operationPieces({ name, flags, rule, args, when }: Operation): Uint8Array[] {
  return [
    head(operationCode[name], flags),
    words(rule, args.length, when === undefined ? 0 : 1),
    ...args.flatMap(textPieces),
    ...(when === undefined ? [] : conditionPieces(when)),
  ];
}

function conditionPieces(condition: Condition): Uint8Array[] {
  const { detail = 0, values = [], paths = [], parts = [] } = formOf(condition);
  return [
    head(conditionCode[condition.kind], detail),
    words(values.length, paths.length, parts.length),
    ...values.flatMap(textPieces),
    ...paths.flatMap(textPieces),
    ...parts.flatMap(conditionPieces),
  ];
}

/** What every kind of condition has in common once it is bytes. */
interface Form {
  readonly detail?: number;
  readonly values?: readonly Uint8Array[];
  readonly paths?: readonly Uint8Array[];
  readonly parts?: readonly Condition[];
}

function formOf(condition: Condition): Form {
  switch (condition.kind) {
    case "all":
    case "any":
      return { parts: condition.of };
    case "not":
      return { parts: [condition.of] };
    case "literal":
      return { values: [condition.literal] };
    case "pattern":
      return { values: [condition.pattern] };
    case "attribute":
      return { detail: attributeOperator[condition.operator], values: condition.values, paths: condition.paths };
    case "syslog":
      return { detail: attributeOperator[condition.operator], values: condition.values, paths: [condition.field] };
    case "severity":
      return { detail: severity[condition.atLeast] };
    case "source":
      return { values: condition.networks };
    case "transport":
      return { detail: condition.transports };
    case "time":
      return { values: [words(condition.periodMs, condition.lengthMs)] };
  }
}

function textPieces(text: Uint8Array): Uint8Array[] {
  return [words(text.length), text];
}

function head(code: number, detail: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt16LE(detail, 2);
  return bytes;
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

function longWord(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
