/**
 * A gate's configuration as people keep it in a file, `streamgate.json`: what `streamgate apply` publishes and `--config` runs.
 *
 *     {"$schema": "…/streamgate.schema.json", "rules": […], "outputs": […], "batch_size": 100}
 *
 * What nobody knows is refused there, because it is a slip of the pen. A whole manifest is taken, too, as `GET /manifest` gives it.
 */

import { StreamGateError } from "../errors.ts";
import { firstViolation, isRecord, nameOf, placeOf } from "../schema.ts";
import { Type } from "../typebox.ts";
import {
  activePipeline,
  batchSizeDefault,
  batchSizeSchema,
  type OutputConfig,
  type PatternChecker,
  type Rule,
  readManifest,
  readRulesAndOutputs,
} from "./manifest.ts";
import { ruleSchema } from "./rule.ts";

export interface Configuration {
  readonly rules: readonly Rule[];
  /** Each with its id. None: records go to the console. */
  readonly outputs: readonly OutputConfig[];
  readonly batch_size: number;
}

const example = 'write {"rules":[{"id":"drop_debug","type":"filter","params":{"value":"DEBUG"}}],"outputs":[]}';

/** Fields of the file. Rules must be there, if only as an empty list: half a file must not take all protection away. */
export const configurationSchema = Type.Object({
  $schema: Type.Optional(Type.String({ description: "Where editors find this schema." })),
  rules: Type.Array(Type.Unknown(), { description: "Rules, in the order in which they run." }),
  outputs: Type.Optional(
    Type.Array(Type.Unknown(), { default: [], description: "Where records go; none: to the console." }),
  ),
  batch_size: Type.Optional(batchSizeSchema),
});

/**
 * @param value parsed JSON
 * @param check asks RE2 about a pattern
 * @returns `manifest`: the whole, as `PUT /manifest` takes it; `warnings`: sentences for what is allowed and unwise
 * @throws StreamGateError naming the field (`rules[2] "mask" params.pattern`), the reason and the remedy
 */
export function readConfiguration(
  value: unknown,
  check: PatternChecker,
): { configuration: Configuration; manifest: Record<string, unknown>; warnings: readonly string[] } {
  if (!isRecord(value)) throw unfit("configuration", `must be an object, not ${nameOf(value)}`, example);
  if ("pipelines" in value) {
    const { manifest, warnings } = readManifest(value, check);
    const { processors: rules, outputs, batch_size } = activePipeline(manifest);
    return { configuration: { rules, outputs, batch_size }, manifest, warnings };
  }
  const stranger = Object.keys(value).find((key) => !Object.hasOwn(configurationSchema.properties, key));
  if (stranger !== undefined)
    throw unfit(placeOf([stranger]), "is no part of a configuration", `known are ${names(configurationSchema)}`);
  const violation = firstViolation(configurationSchema, value);
  if (violation !== undefined) throw unfit(placeOf(violation.path), violation.what, example);
  const {
    rules: givenRules,
    outputs: givenOutputs = [],
    batch_size = batchSizeDefault,
  } = value as { rules: unknown[]; outputs?: unknown[]; batch_size?: number };
  const unknown: string[] = [];
  const { rules, outputs, warnings } = readRulesAndOutputs(givenRules, givenOutputs, check, unknown);
  unknown.push(...rules.flatMap(strangersIn));
  if (unknown.length > 0) {
    const colon = unknown[0]!.indexOf(": ");
    throw unfit(unknown[0]!.slice(0, colon), unknown[0]!.slice(colon + 2));
  }
  const configuration = { rules, outputs, batch_size };
  return {
    configuration,
    manifest: { pipelines: [{ name: "default_pipeline", processors: rules, outputs, batch_size }] },
    warnings,
  };
}

function strangersIn(rule: Rule, index: number): string[] {
  const known = names(ruleSchema);
  return Object.keys(rule)
    .filter((key) => !Object.hasOwn(ruleSchema.properties, key))
    .map(
      (key) =>
        `rules[${index}] ${JSON.stringify(rule.id)} ${placeOf([key])}: a rule has no such field; known are ${known}`,
    );
}

function names({ properties }: { properties: object }): string {
  return Object.keys(properties).join(", ");
}

function unfit(where: string, what: string, fix?: string): StreamGateError {
  return new StreamGateError("SG_MANIFEST", { where, what, ...(fix !== undefined && { fix }) });
}
