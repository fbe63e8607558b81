/**
 * What a command leaves beside a lane's segments for the process that has the lane open, or opens it next, as names of empty files.
 *
 * `<from>-<to>.moved`, each 16 hex digits: these sequences were moved elsewhere and are not missing. `rotate`: begin another segment, so that
 * those that are there can be moved; it goes when that is done.
 */

import type { SequenceRange } from "./gaps.ts";

export const rotateName = "rotate";

export function movedName({ from, to }: SequenceRange): string {
  const hex = (sequence: bigint) => sequence.toString(16).padStart(16, "0");
  return `${hex(from)}-${hex(to)}.moved`;
}

export function movedRange(name: string): SequenceRange | undefined {
  if (!/^[0-9a-f]{16}-[0-9a-f]{16}\.moved$/.test(name)) return undefined;
  return { from: BigInt(`0x${name.slice(0, 16)}`), to: BigInt(`0x${name.slice(17, 33)}`) };
}
