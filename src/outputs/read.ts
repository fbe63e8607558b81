/** Reads one output as a person, the control API or another control plane wrote it. */

import { StreamGateError } from "../errors.ts";
import type { PatternChecker } from "../plan/pattern.ts";
import { brokenText, firstViolation, isRecord, nameOf, placeOf, unknownFields, withoutNulls } from "../schema.ts";
import { deliveryRefusal, deliveryWarnings } from "./delivery_fields.ts";
import { readOutputFilter } from "./filter.ts";
import { type OutputConfig, outputSchema, outputTypes } from "./index.ts";
import { unfitText } from "./secrets_of_config.ts";

/** Who cannot ask RE2 takes every pattern; the engine still refuses it. */
const takeAll: PatternChecker = () => ({ ok: true, groups: 0 });

/**
 * Checks an output and brings it into one form: no nulls. Fields that are not known are kept.
 * @param base the output's place, such as `outputs[2]`; empty: it stands alone
 * @param warnings gets a sentence for what is allowed and unwise
 * @param unknown gets a sentence for each field that is not known and therefore does nothing
 * @param check asks RE2 about the patterns of a filter
 * @throws StreamGateError SG_OUTPUT_TYPE, SG_OUTPUT_PARAMS or SG_CONDITION naming the field, the reason and what would be right
 */
export function readOutput(
  value: unknown,
  base: string,
  warnings: string[] = [],
  unknown: string[] = warnings,
  check: PatternChecker = takeAll,
): OutputConfig {
  const place = (path: readonly string[]) => placeOf(path, base);
  if (!isRecord(value)) {
    throw new StreamGateError("SG_OUTPUT_PARAMS", {
      where: base === "" ? "output" : base,
      what: `must be an object, not ${nameOf(value)}`,
      fix: 'write {"type":"http","url":"http://localhost:9000"}',
    });
  }
  const given = withoutNulls(value) as Record<string, unknown>;
  const { type } = given;
  const outputType = typeof type === "string" ? outputTypes.get(type) : undefined;
  if (outputType === undefined) {
    throw new StreamGateError("SG_OUTPUT_TYPE", {
      where: place(["type"]),
      what: type === undefined ? "is missing" : `no output type is called ${JSON.stringify(type)}`,
      fix: `choose one of ${[...outputTypes.keys()].join(", ")}`,
    });
  }
  const schema = outputSchema(outputType.type)!;
  const refuse = (where: string, what: string, fix?: string) =>
    new StreamGateError("SG_OUTPUT_PARAMS", { where, what, ...(fix !== undefined && { fix }) });
  const within = (param: string) => (base === "" ? param : `${base}.${param}`);
  const example = `write it as ${JSON.stringify({ type: outputType.type, ...outputType.examples[0] })}`;
  const broken = brokenText(given);
  if (broken !== undefined) {
    throw refuse(place(broken), "is not well-formed Unicode: it holds half of a surrogate pair");
  }
  const violation = firstViolation(schema, given);
  if (violation !== undefined) {
    const isOwn = violation.path[0] === undefined || Object.hasOwn(outputType.params.properties, violation.path[0]);
    throw refuse(place(violation.path), violation.what, isOwn ? example : undefined);
  }
  const config = given as OutputConfig;
  const unfit = unfitText(config);
  if (unfit !== undefined) throw refuse(place(unfit.path), unfit.what, unfit.fix);
  const refusal = outputType.refusal?.(given) ?? deliveryRefusal(given);
  if (refusal !== undefined) throw refuse(within(refusal.param), refusal.what, refusal.fix);
  readOutputFilter(given.filter, base, check);
  for (const { path, known } of unknownFields(schema, given)) {
    const inside = path.length === 1 ? outputType.type : placeOf(path.slice(0, -1));
    unknown.push(`${place(path)}: ${inside} has no such field, it does nothing; known are ${known.join(", ")}`);
  }
  for (const { param, what } of deliveryWarnings(given)) warnings.push(`${within(param)}: ${what}`);
  return config;
}
