/** Every output type. Adding one: its file, its test beside it, and a line here. */

import { type TObject, type TSchema, Type } from "../typebox.ts";
import { cloudwatch } from "./cloudwatch.ts";
import { consoleOutput } from "./console.ts";
import { datadog } from "./datadog.ts";
import { deliveryFields } from "./delivery_fields.ts";
import { file } from "./file.ts";
import { http } from "./http.ts";
import type { Output, OutputConfig } from "./output.ts";
import type { OutputType } from "./output_type.ts";
import { splunkHec } from "./splunk_hec.ts";

export type { OutputConfig, OutputResponse } from "./output.ts";

const all: readonly OutputType[] = [consoleOutput, file, http, datadog, splunkHec, cloudwatch];

export const outputTypes: ReadonlyMap<string, OutputType> = new Map(
  all.map((outputType) => [outputType.type, outputType]),
);

const schemas = new Map(all.map((outputType) => [outputType.type, schemaOf(outputType)]));

/** All fields of an output of this type: its name, those that outputs have in common, its own. */
export function outputSchema(type: string): TObject | undefined {
  return schemas.get(type);
}

function schemaOf({ type, params, common, compressions, description, examples }: OutputType): TObject {
  const shared: Record<string, TSchema> = {};
  for (const field of common) shared[field] = deliveryFields[field];
  if (shared.compression !== undefined) {
    shared.compression = Type.Optional(
      Type.Union(
        compressions.map((name) => Type.Literal(name)),
        { default: compressions[0]!, description: "Compression of bodies." },
      ),
    );
  }
  return Type.Object(
    { type: Type.Literal(type), ...shared, ...params.properties },
    { title: type, description, examples: examples.map((example) => ({ type, ...example })) },
  );
}

/** A record's route is a bit in a 64-bit word (src/data/engine/layout.ts). */
export const outputsMax = 64;

/** @param config as `readOutput` (read.ts) gave it back */
export function describeOutput(config: OutputConfig): Output {
  const outputType = outputTypes.get(config.type);
  if (outputType === undefined) throw new Error(`output type ${JSON.stringify(config.type)} was not checked`);
  return outputType.describe(config as never);
}
