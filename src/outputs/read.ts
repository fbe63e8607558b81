/** Reads one output as a person, the control API or another control plane wrote it. */

import { StreamGateError } from "../errors.ts";
import type { PatternChecker } from "../plan/pattern.ts";
import { brokenText, firstViolation, isRecord, nameOf, placeOf, withoutNulls } from "../schema.ts";
import { readOutputFilter } from "./filter.ts";
import { type OutputConfig, outputTypes } from "./index.ts";

/** Who cannot ask RE2 takes every pattern; the engine still refuses it. */
const takeAll: PatternChecker = () => ({ ok: true, groups: 0 });

/**
 * Checks an output and brings it into one form: no nulls. Fields that are not known are kept.
 * @param base the output's place, such as `outputs[2]`; empty: it stands alone
 * @param check asks RE2 about the patterns of a filter
 * @throws StreamGateError SG_OUTPUT_TYPE, SG_OUTPUT_PARAMS or SG_CONDITION naming the field, the reason and what would be right
 */
export function readOutput(
  value: unknown,
  base: string,
  warnings: string[] = [],
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
  const refuse = (where: string, what: string, fix?: string) =>
    new StreamGateError("SG_OUTPUT_PARAMS", { where, what, ...(fix !== undefined && { fix }) });
  const example = `write it as ${JSON.stringify({ type: outputType.type, ...outputType.examples[0] })}`;
  const broken = brokenText(given);
  if (broken !== undefined) {
    throw refuse(place(broken), "is not well-formed Unicode: it holds half of a surrogate pair");
  }
  const violation = firstViolation(outputType.params, given);
  if (violation !== undefined) throw refuse(place(violation.path), violation.what, example);
  const refusal = outputType.refusal?.(given);
  if (refusal !== undefined)
    throw refuse(base === "" ? refusal.param : `${base}.${refusal.param}`, refusal.what, refusal.fix);
  readOutputFilter(given.filter, base, check);
  const known = ["type", "filter", ...Object.keys(outputType.params.properties)];
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    warnings.push(
      `${place([key])}: ${outputType.type} has no such field, it does nothing; known are ${known.join(", ")}`,
    );
  }
  return given as OutputConfig;
}
