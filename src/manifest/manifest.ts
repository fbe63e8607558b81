/**
 * The manifest: the published configuration, `{version, timestamp, pipelines: [{name, processors, outputs, batch_size}]}`.
 *
 * One reader for everything that hands rules to a data plane: our control plane, the original one in Python (absent fields
 * null, parameters all strings), a file. Unknown fields are ignored and kept, so that what is written back loses nothing.
 */

import { StreamGateError } from "../errors.ts";
import { type OutputConfig, outputsMax } from "../outputs/index.ts";
import { readOutput } from "../outputs/read.ts";
import { maskSecrets, maskUnread } from "../outputs/secrets_of_config.ts";
import type { PatternCheck, PatternChecker } from "../plan/pattern.ts";
import { ruleTypes } from "../rules/index.ts";
import type { Rule } from "../rules/rule.ts";
import { firstViolation, isRecord, nameOf, placeOf, withoutNulls } from "../schema.ts";
import { Type } from "../typebox.ts";
import { destinationKey, idKey, withIds } from "./output_identity.ts";
import { readRule } from "./rule.ts";

export type { OutputConfig, PatternCheck, PatternChecker, Rule };
export { readRule };

export const batchSizeMin = 1;
export const batchSizeMax = 10_000;
export const batchSizeDefault = 100;

export const batchSizeSchema = Type.Integer({
  minimum: batchSizeMin,
  maximum: batchSizeMax,
  default: batchSizeDefault,
  description: "Records in one payload, at most.",
});

export interface Pipeline {
  readonly name: string;
  readonly processors: readonly Rule[];
  /** Each with its id. None: records go to the console. */
  readonly outputs: readonly OutputConfig[];
  readonly batch_size: number;
  readonly [field: string]: unknown;
}

export interface Manifest {
  readonly version: string;
  readonly timestamp?: string | number;
  /** The first one runs. Others are kept as they came, unread. */
  readonly pipelines: readonly [Pipeline, ...unknown[]];
  /** What may make a data plane go back from this version by itself; absent: all that may. Of this publication, not of the draft. */
  readonly revert?: RevertWord;
  readonly [field: string]: unknown;
}

export interface RevertWord {
  /** Records that are gone. Default true. */
  readonly volume?: boolean;
  /** Records that outputs do not take, or rules cannot finish. Default true. */
  readonly errors?: boolean;
}

/** Fields that are read by their names. What the others hold nobody here knows. */
export const readFields: readonly string[] = ["version", "timestamp", "revert", "pipelines"];
export const readPipelineFields: readonly string[] = ["name", "processors", "outputs", "batch_size"];

/** The manifest as it may be shown: without the secrets of its outputs, and without what looks like one where nobody reads. */
export function maskManifest(manifest: Manifest): Manifest {
  const [active, ...rest] = manifest.pipelines;
  return {
    ...maskOthers(manifest, readFields),
    pipelines: [
      { ...maskOthers(active, readPipelineFields), outputs: active.outputs.map(maskSecrets) },
      ...rest.map((pipeline) => maskUnread(pipeline)),
    ],
  };
}

function maskOthers<T extends object>(value: T, known: readonly string[]): T {
  return Object.fromEntries(
    Object.entries(value).map(([field, part]) => [field, known.includes(field) ? part : maskUnread(part, field)]),
  ) as T;
}

/** The pipeline that runs. */
export function activePipeline(manifest: Manifest): Pipeline {
  return manifest.pipelines[0];
}

/** A manifest that lets every record pass to the console: what runs before anything is published. */
export const passthrough: Manifest = {
  version: "0",
  pipelines: [{ name: "default_pipeline", processors: [], outputs: [], batch_size: batchSizeDefault }],
};

const manifestSchema = Type.Object({
  version: Type.Optional(Type.Union([Type.String(), Type.Number()])),
  timestamp: Type.Optional(Type.Union([Type.String(), Type.Number()])),
  pipelines: Type.Array(Type.Object({}), { minItems: 1 }),
  revert: Type.Optional(Type.Object({ volume: Type.Optional(Type.Boolean()), errors: Type.Optional(Type.Boolean()) })),
});

const pipelineSchema = Type.Object({
  name: Type.Optional(Type.String()),
  processors: Type.Optional(Type.Array(Type.Unknown())),
  outputs: Type.Optional(Type.Array(Type.Unknown())),
  batch_size: Type.Optional(batchSizeSchema),
});

/**
 * Reads a manifest, whoever wrote it.
 * @param value parsed JSON
 * @param check asks RE2 about a pattern
 * @returns the manifest with its first pipeline checked and in one form, and sentences for what is ignored
 * @throws StreamGateError naming the field (`pipelines[0].processors[2] "mask" params.pattern`), the reason and the remedy
 */
export function readManifest(value: unknown, check: PatternChecker): { manifest: Manifest; warnings: string[] } {
  if (!isRecord(value)) {
    throw new StreamGateError("SG_MANIFEST", {
      where: "manifest",
      what: `must be an object, not ${nameOf(value)}`,
      fix: 'write {"version":"1","pipelines":[{"name":"default_pipeline","processors":[],"outputs":[]}]}',
    });
  }
  const given = withoutNulls(value) as Record<string, unknown>;
  const violation = firstViolation(manifestSchema, given);
  if (violation !== undefined) throw unfit(placeOf(violation.path), violation.what);
  const [first, ...rest] = given.pipelines as [Record<string, unknown>, ...unknown[]];
  const base = "pipelines[0]";
  const pipeline = { ...first, ...("batch_size" in first && { batch_size: wholeNumber(first.batch_size) }) };
  const wrong = firstViolation(pipelineSchema, pipeline);
  if (wrong !== undefined) throw unfit(placeOf(wrong.path, base), wrong.what);

  const warnings: string[] = [];
  const { processors = [], outputs = [] } = pipeline as { processors?: unknown[]; outputs?: unknown[] };
  const active: Pipeline = {
    ...pipeline,
    name: (pipeline as { name?: string }).name ?? "default_pipeline",
    processors: readRuleList(processors, `${base}.processors`, check, warnings),
    outputs: readOutputList(outputs, `${base}.outputs`, check, warnings),
    batch_size: (pipeline as { batch_size?: number }).batch_size ?? batchSizeDefault,
  };
  checkNamedOutputs(active.processors, active.outputs, `${base}.processors`);
  if (rest.length > 0) {
    warnings.push(
      `pipelines[1]${rest.length > 1 ? ` to pipelines[${rest.length}]` : ""}: only the first pipeline runs; ignored`,
    );
  }
  return { manifest: { ...given, version: String(given.version ?? "0"), pipelines: [active, ...rest] }, warnings };
}

/**
 * Reads a bare JSON list of rules, as `pipe --rules` and `check` take it.
 * @throws StreamGateError naming `rules[2] "mask" params.pattern`, the reason and the remedy
 */
export function readRules(value: unknown, check: PatternChecker): { rules: Rule[]; warnings: string[] } {
  if (!Array.isArray(value)) {
    throw new StreamGateError("SG_MANIFEST", { where: "rules", what: `must be a list, not ${nameOf(value)}` });
  }
  const warnings: string[] = [];
  return { rules: readRuleList(value, "rules", check, warnings), warnings };
}

/**
 * Reads rules and outputs that stand beside each other in an object, as calls that try rules take them.
 * @param unknown gets a sentence for each parameter and field that is not known and therefore does nothing; absent: `warnings` does
 * @throws StreamGateError naming `rules[2] "mask" params.pattern` or `outputs[0] url`, the reason and the remedy
 */
export function readRulesAndOutputs(
  rules: readonly unknown[],
  outputs: unknown,
  check: PatternChecker,
  unknown?: string[],
): { rules: Rule[]; outputs: OutputConfig[]; warnings: string[] } {
  if (!Array.isArray(outputs)) throw unfit("outputs", `must be a list, not ${nameOf(outputs)}`);
  const warnings: string[] = [];
  const read = {
    rules: readRuleList(rules, "rules", check, unknown ?? warnings),
    outputs: readOutputList(outputs, "outputs", check, warnings, unknown),
  };
  checkNamedOutputs(read.rules, read.outputs, "rules");
  return { ...read, warnings };
}

function readRuleList(values: readonly unknown[], base: string, check: PatternChecker, warnings: string[]): Rule[] {
  const seen = new Map<string, number>();
  return values.map((value, index) => {
    const place = `${base}[${index}]`;
    const rule = readRule(value, place, check, warnings);
    const before = seen.get(rule.id);
    if (before !== undefined) {
      throw new StreamGateError("SG_RULE_DUPLICATE", {
        where: `${place} id`,
        what: `${JSON.stringify(rule.id)} is the id of ${base}[${before}] too`,
        fix: "give each rule its own id: counters are kept by it",
      });
    }
    seen.set(rule.id, index);
    return rule;
  });
}

function readOutputList(
  values: readonly unknown[],
  base: string,
  check: PatternChecker,
  warnings: string[],
  unknown: string[] = warnings,
): OutputConfig[] {
  if (values.length > outputsMax) {
    throw new StreamGateError("SG_OUTPUT_COUNT", {
      where: base,
      what: `${values.length} outputs, and a record can be routed to ${outputsMax}`,
      fix: "remove some, or run a second gate behind one of them",
    });
  }
  const outputs: OutputConfig[] = [];
  const seen = new Set<string>();
  const placesOfIds = new Map<string, number>();
  for (const [index, value] of values.entries()) {
    const output = readOutput(value, `${base}[${index}]`, warnings, unknown, check);
    const key = destinationKey(output);
    if (seen.has(key)) {
      warnings.push(`${base}[${index}]: the same output is listed before; ignored`);
      continue;
    }
    seen.add(key);
    outputs.push(output);
    if (typeof output.id !== "string") continue;
    const before = placesOfIds.get(idKey(output.id));
    if (before !== undefined) {
      throw new StreamGateError("SG_OUTPUT_DUPLICATE", {
        where: `${base}[${index}].id`,
        what: `${JSON.stringify(output.id)} is the id of ${base}[${before}] too, or differs from it in the case of letters only`,
        fix: "give each output its own id: what waits for it on disk is kept by it",
      });
    }
    placesOfIds.set(idKey(output.id), index);
  }
  return [...withIds(outputs)];
}

/** Rules name outputs by their ids: each must be there, or records would silently go elsewhere. */
function checkNamedOutputs(rules: readonly Rule[], outputs: readonly OutputConfig[], base: string): void {
  const ids = outputs.map(({ id }) => id);
  for (const [index, { id, type, params, enabled = true }] of rules.entries()) {
    const missing = enabled
      ? ruleTypes
          .get(type)
          ?.outputs?.(params)
          .find((name) => !ids.includes(name))
      : undefined;
    if (missing === undefined) continue;
    throw new StreamGateError("SG_RULE_OUTPUT", {
      where: `${base}[${index}] ${JSON.stringify(id)} params.outputs`,
      what: `no output has the id ${JSON.stringify(missing)}`,
      fix:
        ids.length === 0 ? "add the output first" : `outputs are ${ids.map((name) => JSON.stringify(name)).join(", ")}`,
    });
  }
}

function wholeNumber(value: unknown): unknown {
  return typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
}

function unfit(where: string, what: string): StreamGateError {
  return new StreamGateError("SG_MANIFEST", { where, what });
}
