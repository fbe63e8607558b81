/** Which records of a batch go to an output, found and copied by the addon. */

import type { Addon } from "../addon.ts";
import type { Batch } from "../batch.ts";
import type { Gathered } from "../engine.ts";
import { translated } from "./errors.ts";

/** What the addon found in the last call of this thread: stopped, records, bytes, needBytes. */
const found = new Float64Array(4);

export function routed(addon: Addon, source: Batch, from: number, to: number, output: number): Gathered {
  try {
    addon.routed(source.memory, from, to, output, found);
  } catch (error) {
    throw translated(error);
  }
  return told();
}

export function gather(addon: Addon, source: Batch, from: number, to: number, output: number, target: Batch): Gathered {
  try {
    addon.gather(source.memory, from, to, output, target.memory, found);
  } catch (error) {
    throw translated(error);
  }
  return told();
}

function told(): Gathered {
  return { stopped: found[0]!, records: found[1]!, bytes: found[2]!, needBytes: found[3]! };
}
