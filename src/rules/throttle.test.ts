/** throttle: what it compiles to, what it remembers by, and what it refuses. What it does to records: test/conformance/reduce.test.ts. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { asksSource } from "../plan/asks_source.ts";
import { compilePlan } from "../plan/compile.ts";
import { severity, throttleKey } from "../plan/operations.ts";
import { throttle } from "./throttle.ts";

const compiled = (params: Record<string, unknown>) => {
  const [head, , ...paths] = throttle.compile(params, [], "t")[0]!.args.map((arg) => Buffer.from(arg));
  const [windowMs, memory, tokensPerMs, tokensMax] = [0, 8, 16, 24].map((at) => head!.readDoubleLE(at));
  return { windowMs, memory, tokensPerMs, tokensMax, by: head![32], bytes: head![33], exempt: head![34], paths };
};

describe("throttle", () => {
  it("counts millionths, a second's worth at once, all records together, ERROR exempt, when nothing else is said", () => {
    expect(compiled({ records_per_s: 50 })).toEqual({
      windowMs: 10_000,
      memory: 4_194_304,
      tokensPerMs: 50_000,
      tokensMax: 50_000_000,
      by: throttleKey.all,
      bytes: 0,
      exempt: severity.error,
      paths: [],
    });
  });

  it("lets one record through at the slowest rate", () => {
    expect(compiled({ records_per_s: 0.001 })).toMatchObject({ tokensPerMs: 1, tokensMax: 1_000_000 });
  });

  it("knows bytes, bursts, sources, attributes and exemptions", () => {
    expect(compiled({ bytes_per_s: 1e9, burst: 5, by: "source", exempt: "none" })).toMatchObject({
      tokensPerMs: 1e12,
      tokensMax: 5_000_000,
      by: throttleKey.source,
      bytes: 1,
      exempt: 7,
    });
    const { by, paths } = compiled({ records_per_s: 1, path: "a" });
    expect([by, paths]).toEqual([throttleKey.attribute, [Buffer.from("\u0001\0\0\0a")]]);
  });

  it.each([
    [{}, "needs `records_per_s` or `bytes_per_s`"],
    [{ records_per_s: 1, bytes_per_s: 1 }, "has both `records_per_s` and `bytes_per_s`"],
    [{ records_per_s: 1, key: "a", by: "source" }, "has more than one of `key`, `path` and `by`"],
    [{ records_per_s: 1, path: "//" }, "has an empty key"],
  ])("refuses %j", (params, what) => {
    expect(throttle.refusal(params, checkPattern)).toMatchObject({ code: "SG_RULE_PARAMS", what });
  });

  it("takes each of its examples", () => {
    for (const example of throttle.examples) expect(throttle.refusal(example, checkPattern)).toBeUndefined();
  });

  it("has producers keep the records of each peer apart where each source has a rate", () => {
    const plan = (params: Record<string, unknown>) => compilePlan([{ id: "t", type: "throttle", params }]);
    expect(asksSource(plan({ records_per_s: 1, by: "source" }))).toBe(true);
    expect(asksSource(plan({ records_per_s: 1, key: "a" }))).toBe(false);
  });

  it("keeps its buckets when only its exemption changes", () => {
    const state = (params: Record<string, unknown>) =>
      compilePlan([{ id: "t", type: "throttle", params: params }]).rules[0]!.state;
    expect(state({ records_per_s: 1 })).toBe(state({ records_per_s: 1, exempt: "none" }));
    expect(state({ records_per_s: 1 })).not.toBe(state({ records_per_s: 2 }));
    expect(state({ records_per_s: 1 })).not.toBe(state({ records_per_s: 1, key: "a" }));
  });
});
