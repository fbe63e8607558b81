/**
 * A plan as bytes, so that an engine in any language can read it, and so that a fuzzer can write it.
 *
 *     u32 magic 'SGP1' · u32 rules · u32 operations
 *     per operation: u16 code · u16 flags · u32 rule · u32 args · per argument: u32 length · bytes
 *
 * All integers little-endian, nothing aligned. Rule ids stay in TypeScript: an engine knows rules by number.
 */

import { type Operation, operationCode, type Plan } from "./operations.ts";

/** 'SGP1' read as a little-endian u32. */
export const planMagic = 0x31504753;

/** @returns a fresh buffer; the inverse is `native/plan/decode.h` */
export function encodePlan(plan: Plan): Uint8Array {
  const bytes = Buffer.alloc(plan.operations.reduce((sum, operation) => sum + operationBytes(operation), 12));
  let at = bytes.writeUInt32LE(planMagic, 0);
  at = bytes.writeUInt32LE(plan.rules.length, at);
  at = bytes.writeUInt32LE(plan.operations.length, at);
  for (const { name, flags, rule, args } of plan.operations) {
    at = bytes.writeUInt16LE(operationCode[name], at);
    at = bytes.writeUInt16LE(flags, at);
    at = bytes.writeUInt32LE(rule, at);
    at = bytes.writeUInt32LE(args.length, at);
    for (const arg of args) {
      at = bytes.writeUInt32LE(arg.length, at);
      bytes.set(arg, at);
      at += arg.length;
    }
  }
  return bytes;
}

function operationBytes({ args }: Operation): number {
  return args.reduce((sum, arg) => sum + 4 + arg.length, 12);
}
