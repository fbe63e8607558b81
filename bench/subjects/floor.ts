/** A C program that only reads and writes: what no proxy can go below. */

import type { Job } from "../work.ts";
import type { Subject } from "./subject.ts";

/** A record of the plain corpus, for the size of a body in bytes. */
const bytesPerRecord = 188;

/** @param gatherUs sleep that long after each round of reads; 0: do not */
export const floor = (program: string, gatherUs = 0): Subject => ({
  name: gatherUs === 0 ? "floor" : `floor, gathers ${gatherUs} µs`,
  rank: "floor",
  missing: () => undefined,
  version: () => "bench/native/floor.c",
  refuses({ input, destination }: Job) {
    if (input !== "tcp") return "it reads TCP only";
    if (destination.kind === "http" && gatherUs > 0) return "its bodies gather anyway";
    return undefined;
  },
  command({ destination }, { port, output, sinkPort }) {
    const target =
      destination.kind === "http"
        ? ["--post", String(sinkPort), "--body-bytes", String(destination.records * bytesPerRecord)]
        : [output, ...(gatherUs > 0 ? ["--gather-us", String(gatherUs)] : [])];
    return { file: program, args: [String(port), ...target] };
  },
});
