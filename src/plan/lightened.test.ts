/** Which rules a plan leaves out level by level, and what is in every one of them. */

import { describe, expect, it } from "vitest";
import { readRules } from "../manifest/manifest.ts";
import { compilePlan } from "./compile.ts";
import { lightenedPlans } from "./lightened.ts";
import type { Plan } from "./operations.ts";

function planOf(...rules: [id: string, type: string, params: Record<string, unknown>][]): Plan {
  const given = rules.map(([id, type, params]) => ({ id, type, params }));
  return compilePlan(readRules(given, () => ({ ok: true, groups: 0 })).rules);
}
const filter = (id: string, value: string): [string, string, Record<string, unknown>] => [id, "filter", { value }];
const pattern = (id: string, text: string): [string, string, Record<string, unknown>] => [
  id,
  "filter",
  { pattern: text },
];
const attribute = { attribute: "service.name", operator: "equals", value: "test" };

describe("a lightened plan", () => {
  it("leaves out the dearest rules first: attributes, patterns without a literal, with one, then literals", () => {
    const levels = lightenedPlans(
      planOf(filter("text", "DEBUG"), pattern("spelled", "took \\d+ms"), pattern("classes", "\\d+[a-z]+"), [
        "json",
        "attribute_filter",
        attribute,
      ]),
    );
    // 16, 12, 4 and 1 of 33.
    expect(levels.map(({ skipped }) => skipped)).toEqual([
      ["json", "classes"],
      ["json", "classes", "spelled", "text"],
    ]);
  });

  it("keeps every rule's number and every operation of rules that protect, and routes", () => {
    const plan: Plan = {
      ...planOf(
        filter("a", "x"),
        ["mask", "redact", { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "" }],
        ["stay", "filter", { value: "internal", protect: true }],
        pattern("b", "[0-9]+"),
      ),
      routes: [{ output: 0, condition: { kind: "literal", literal: Buffer.from("ERROR") } }],
    };
    for (const { plan: lightened } of lightenedPlans(plan)) {
      expect(lightened.rules).toBe(plan.rules);
      expect(lightened.routes).toBe(plan.routes);
      const kept = new Set(lightened.operations.map(({ rule }) => plan.rules[rule]!.id));
      expect(kept.has("mask") && kept.has("stay")).toBe(true);
    }
    const last = lightenedPlans(plan).at(-1)!;
    expect(last.plan.operations.map(({ rule }) => plan.rules[rule]!.id)).toEqual(["mask", "stay"]);
    expect(last.skipped).toEqual(["b", "a"]);
  });

  it("is there at most three times, however many rules there are", () => {
    const levels = lightenedPlans(planOf(...Array.from({ length: 100 }, (_, i) => filter(`rule ${i}`, `text ${i}`))));
    expect(levels.map(({ skipped }) => skipped.length)).toEqual([50, 75, 100]);
  });

  it("is not there when no rule may be skipped", () => {
    expect(lightenedPlans(planOf())).toEqual([]);
    expect(lightenedPlans(planOf(["mask", "redact", { pattern: "a", replacement: "" }]))).toEqual([]);
  });

  it.each([
    ["took \\d+ms", true],
    ["^GET /health(z|check) ", false],
    ["(?i)debug", false],
    ["[abc]{3}", false],
    ["\\bERROR\\b", true],
    ["ab?c", false],
    ["a\\.b", true],
    ["\\p{Greek}", false],
  ])("takes %s for a pattern with a literal: %s", (text, literal) => {
    // Of patterns that cost the same the last one comes first; without a literal it is dearer than they are.
    const [first] = lightenedPlans(planOf(pattern("p", text), pattern("q", "xyz!"), pattern("r", "xyz!")));
    expect(first!.skipped[0]).toBe(literal ? "r" : "p");
  });
});
