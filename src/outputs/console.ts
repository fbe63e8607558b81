/** `console`: each record's bytes and a newline to standard output, which carries nothing else. */

import { Type } from "../typebox.ts";
import { defineOutput } from "./output_type.ts";

export const consoleOutput = defineOutput({
  type: "console",
  description: "Writes each record and a newline to standard output.",
  params: Type.Object({}),
  common: ["id", "filter", "prices"],
  compressions: ["none"],
  examples: [{}],
  describe: () => ({
    type: "console",
    stream: "stdout",
    envelope: { kind: "text" },
    compressions: ["none"],
    limits: { recordsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY },
  }),
});
