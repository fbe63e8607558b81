/** What a rule may remember, in bytes: a parameter of several rule types. */

import { reduceMemoryBytesMax, reduceMemoryBytesMin } from "../plan/operations.ts";
import { Type } from "../typebox.ts";

/** @param of what it remembers one by one */
export function memoryBytes(byDefault: number, of: string) {
  return Type.Optional(
    Type.Integer({
      minimum: reduceMemoryBytesMin,
      maximum: reduceMemoryBytesMax,
      default: byDefault,
      description: `Memory of the rule in each worker, in bytes. When it is full the least recently used ${of} is forgotten first.`,
    }),
  );
}
