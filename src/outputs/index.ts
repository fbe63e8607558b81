/** Every output type. Adding one: its file, its test beside it, and a line here. */

import { consoleOutput } from "./console.ts";
import { http } from "./http.ts";
import type { Output, OutputConfig, OutputType } from "./output.ts";

export type {
  Output,
  OutputConfig,
  OutputRequest,
  OutputResponse,
  OutputType,
  PayloadLimits,
  Verdict,
} from "./output.ts";

const all: readonly OutputType[] = [consoleOutput, http];

export const outputTypes: ReadonlyMap<string, OutputType> = new Map(
  all.map((outputType) => [outputType.type, outputType]),
);

/** A record's route is a bit in a 64-bit word (src/data/engine/layout.ts). */
export const outputsMax = 64;

/** @param config as `readOutput` (read.ts) gave it back */
export function describeOutput(config: OutputConfig): Output {
  const outputType = outputTypes.get(config.type);
  if (outputType === undefined) throw new Error(`output type ${JSON.stringify(config.type)} was not checked`);
  return outputType.describe(config as never);
}
