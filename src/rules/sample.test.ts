/** sample: shares as thresholds and weights, and what it refuses. What it does to records: test/conformance/reduce.test.ts. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { compilePlan } from "../plan/compile.ts";
import { severity } from "../plan/operations.ts";
import { sample } from "./sample.ts";

const refusal = (params: Record<string, unknown>) => sample.refusal(params, checkPattern);
const compiled = (params: Record<string, unknown>) => {
  const [head, thresholds, weights, ...paths] = sample.compile(params)[0]!.args.map((arg) => Buffer.from(arg));
  const of = (name: keyof typeof severity) => ({
    threshold: thresholds!.readBigUInt64LE(8 * severity[name]),
    weight: weights!.readDoubleLE(8 * severity[name]),
  });
  return { keep: head![0], weighs: head![1], of, paths };
};

describe("sample", () => {
  it("makes a threshold and a weight of each severity's share", () => {
    const { of, keep, weighs } = compiled({ rate: 0.1, rates: { debug: 0, info: 1, unknown: 0.5 } });
    expect(of("trace")).toEqual({ threshold: BigInt(Math.floor(0.1 * 2 ** 64)), weight: 10 });
    expect(of("debug").threshold).toBe(0n);
    expect(of("info")).toEqual({ threshold: 2n ** 64n - 1n, weight: 1 });
    expect(of("unknown")).toEqual({ threshold: 2n ** 63n, weight: 2 });
    expect([keep, weighs]).toEqual([severity.warn, 1]);
  });

  it("keeps what has no share of its own when only `rates` says some", () => {
    expect(compiled({ rates: { debug: 0.5 } }).of("info").threshold).toBe(2n ** 64n - 1n);
  });

  it("never gives a higher share a lower threshold", () => {
    let before = -1n;
    for (const rate of [0, 1e-9, 0.1, 0.25, 1 / 3, 0.5, 1 - 2 ** -53, 1]) {
      const { threshold } = compiled({ rate }).of("info");
      expect(threshold).toBeGreaterThan(before);
      expect(threshold).toBeLessThan(2n ** 64n);
      before = threshold;
    }
  });

  it("looks for a key where attribute_filter does, or at one place", () => {
    expect(compiled({ rate: 0.5 }).paths).toEqual([]);
    expect(compiled({ rate: 0.5, path: "a/b" }).paths).toEqual([Buffer.from("\u0001\0\0\0a\u0001\0\0\0b")]);
    expect(compiled({ rate: 0.5, key: "trace_id" }).paths.length).toBeGreaterThan(3);
    expect(compiled({ rate: 0.5, keep: "none", weight: false })).toMatchObject({ keep: 7, weighs: 0 });
  });

  it.each([
    [{}, { what: "needs `rate` or `rates`" }],
    [{ rates: {} }, { what: "needs `rate` or `rates`" }],
    [{ rate: 1e-10 }, { what: "has a share below 1 in 1000000000" }],
    [{ rate: 0.5, key: "a", path: "a" }, { what: "has both `key` and `path`" }],
    [
      { rate: 0.5, path: "a//b" },
      { param: "path", what: "has an empty key" },
    ],
    [{ rates: { error: 0.5 } }, { param: "rates.error", what: "does nothing: ERROR is always kept" }],
    [{ rates: { warn: 0.5 }, keep: "WARN" }, { param: "rates.warn" }],
  ])("refuses %j", (params, why) => {
    expect(refusal(params)).toMatchObject({ code: "SG_RULE_PARAMS", ...why });
  });

  it("takes shares of severities that are not kept as such, and each of its examples", () => {
    expect(refusal({ rates: { warn: 0.5, unknown: 0 }, keep: "ERROR" })).toBeUndefined();
    expect(refusal({ rates: { fatal: 0 }, keep: "none" })).toBeUndefined();
    for (const example of sample.examples) expect(refusal(example)).toBeUndefined();
  });

  it("draws by its id alone", () => {
    const state = (id: string, params: Record<string, unknown>) =>
      compilePlan([{ id, type: "sample", params: params }]).rules[0]!.state;
    expect(state("a", { rate: 0.1 })).toBe(state("a", { rate: 0.2 }));
    expect(state("a", { rate: 0.1 })).not.toBe(state("b", { rate: 0.1 }));
  });
});
