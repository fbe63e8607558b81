/** A C program that only reads and writes: what no proxy can go below. */

import type { Subject } from "./subject.ts";

export const floor = (program: string): Subject => ({
  name: "floor (read + write)",
  scenarios: ["raw"],
  missing: () => undefined,
  command: (_scenario, { port, output }) => ({ file: program, args: [String(port), output] }),
});
