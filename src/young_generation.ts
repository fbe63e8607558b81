/**
 * How far V8's young generation grows, in every thread of the process.
 *
 * On the native engine JavaScript sees no record, so nothing is gained by room for short-lived objects; but what start-up loads lets
 * it double a few times, and it shrinks again only in a collection that an idle gate never has: 8 MB in the main thread. The portable
 * engine makes objects per record, and is left alone.
 *
 * The factor and not `--max-semi-space-size`, which V8 reads when a heap is made: for the main thread that is before our first line.
 */

import { setFlagsFromString } from "node:v8";

/** V8's own (`node --v8-options`). */
const factorDefault = 2;

/** Only then is it the program's own process: whoever uses the library may have chosen otherwise. */
let keptSmall = false;

/** From now on it stays as small as it is. */
export function keepYoungGenerationSmall(): void {
  keptSmall = true;
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Takes that back. Workers need not: the flag is the process's, and its main thread asks before it starts them. */
export function letYoungGenerationGrow(): void {
  if (!keptSmall) return;
  keptSmall = false;
  setFlagsFromString(`--semi-space-growth-factor=${factorDefault}`);
}
