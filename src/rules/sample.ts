/**
 * `sample`: keeps a share of the records, by chance or by key, and writes on those that it keeps how many they stand for.
 *
 * A share becomes a threshold, share × 2^64, and a weight here, once, so that no engine computes with shares.
 */

import { type Severity, sampleWeightMax, severity } from "../plan/operations.ts";
import { type Static, Type } from "../typebox.ts";
import { attributePathFault, encodedAttributePaths } from "./attribute_filter.ts";
import { defineRule, protectParam } from "./rule.ts";
import { severityLimit, severityLimitCode } from "./severity_limit.ts";

const severities = Object.keys(severity) as ("unknown" | Severity)[];
const allKept = 2n ** 64n - 1n;

const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });
const rateOf = (name: string) => Type.Optional(share(`Share of ${name} to keep.`));

const params = Type.Object({
  rate: Type.Optional(share("Share of the records to keep, 0 to 1: 0.1 keeps one in ten.")),
  rates: Type.Optional(
    Type.Object(
      {
        unknown: rateOf("records without a severity"),
        trace: rateOf("TRACE records"),
        debug: rateOf("DEBUG records"),
        info: rateOf("INFO records"),
        warn: rateOf("WARN records"),
        error: rateOf("ERROR records"),
        fatal: rateOf("FATAL records"),
      },
      {
        additionalProperties: false,
        description: "Shares by severity, for those that differ from `rate`. Without `rate` the others are kept.",
      },
    ),
  ),
  key: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        "Attribute such as trace_id, found as attribute_filter finds it, or a field of syslog such as syslog.host: records of one value are all kept or all dropped, by every worker, instance and start. Absent: each record by itself.",
    }),
  ),
  path: Type.Optional(
    Type.String({
      minLength: 1,
      description: "Exact place of the key instead: keys from the top, separated by /, such as trace/id.",
    }),
  ),
  keep: severityLimit("WARN", "Records of this severity or worse are always kept, as they are"),
  weight: Type.Optional(
    Type.Boolean({
      default: true,
      description:
        "Write on each sampled record how many it stands for: `sample_rate` in JSON and text, `[sample@32473 rate]` in RFC 5424.",
    }),
  ),
  protect: protectParam,
});

export const sample = defineRule({
  type: "sample",
  description:
    "Keeps a share of the records, by chance or by key, and writes on each how many it stands for. WARN and worse are always kept.",
  class: "reduce",
  params,
  examples: [
    { rate: 0.1 },
    { rate: 0.05, key: "trace_id" },
    { rates: { trace: 0, debug: 0.01, info: 0.25 }, keep: "ERROR" },
    { rate: 0.5, path: "request/id", weight: false },
  ],
  refusal(given) {
    const { rate, rates, key, path } = given;
    if (rate === undefined && (rates === undefined || Object.keys(rates).length === 0)) {
      return { code: "SG_RULE_PARAMS", what: "needs `rate` or `rates`", fix: 'give one, such as {"rate":0.1}' };
    }
    const tooSmall = [rate, ...Object.values(rates ?? {})].some(
      (one) => one !== undefined && one > 0 && one < 1 / sampleWeightMax,
    );
    if (tooSmall) {
      return {
        code: "SG_RULE_PARAMS",
        what: `has a share below 1 in ${sampleWeightMax}`,
        fix: "write 0 to drop all of them",
      };
    }
    if (key !== undefined && path !== undefined) {
      return { code: "SG_RULE_PARAMS", what: "has both `key` and `path`", fix: "give one of them" };
    }
    const fault = key === undefined && path === undefined ? undefined : attributePathFault(key, path);
    if (fault !== undefined) {
      return { code: "SG_RULE_PARAMS", param: key === undefined ? "path" : "key", what: fault };
    }
    const keep = keepOf(given);
    const never = severities.find((name) => name !== "unknown" && severity[name] >= keep && (rates?.[name] ?? 1) < 1);
    if (never !== undefined) {
      return {
        code: "SG_RULE_PARAMS",
        param: `rates.${never}`,
        what: `does nothing: ${never.toUpperCase()} is always kept`,
        fix: 'raise `keep`, or write "keep":"none"',
      };
    }
    return undefined;
  },
  // What chance is made of: the rule's id alone.
  memory: () => null,
  compile(given) {
    const { key, path, weight = true } = given;
    const thresholds = Buffer.alloc(8 * severities.length);
    const weights = Buffer.alloc(8 * severities.length);
    for (const [index, name] of severities.entries()) {
      const rate = given.rates?.[name] ?? given.rate ?? 1;
      thresholds.writeBigUInt64LE(thresholdOf(rate), 8 * index);
      weights.writeDoubleLE(rate > 0 ? 1 / rate : 1, 8 * index);
    }
    const paths = key === undefined && path === undefined ? [] : encodedAttributePaths(key, path);
    const head = Uint8Array.of(keepOf(given), weight ? 1 : 0);
    return [{ name: "sample", args: [head, thresholds, weights, ...paths] }];
  },
});

function keepOf({ keep = "WARN" }: Static<typeof params>): number {
  return severityLimitCode(keep);
}

/** What a hash must be less than. Exact: a double times a power of two. */
function thresholdOf(rate: number): bigint {
  return rate === 1 ? allKept : BigInt(Math.floor(rate * 2 ** 64));
}
