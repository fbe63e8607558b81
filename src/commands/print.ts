/** What a command says on standard output about itself; records never go this way. */

import { writeSync } from "node:fs";

/** Written at once, and quietly lost when nobody reads (`streamgate --help | head -1`). */
export function print(text: string): void {
  try {
    writeSync(1, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}
