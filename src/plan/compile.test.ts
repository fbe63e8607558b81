/** Rules become operations: order, owner, class, flags. */

import { describe, expect, it } from "vitest";
import { compilePlan } from "./compile.ts";
import { operationFlag } from "./operations.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe("compilePlan", () => {
  it("keeps the rules' order and tells each operation whose it is", () => {
    const plan = compilePlan([
      { id: "a", type: "redact", params: { pattern: "\\d{4}", replacement: "#" } },
      { id: "b", type: "filter", params: { value: "DEBUG" } },
    ]);
    expect(plan.rules.map(({ id, class: ruleClass }) => [id, ruleClass])).toEqual([
      ["a", "protect"],
      ["b", "reduce"],
    ]);
    expect(plan.operations.map(({ name, rule, args }) => [name, rule, args.map(text)])).toEqual([
      ["replacePattern", 0, ["\\d{4}", "#"]],
      ["dropLiteral", 1, ["DEBUG"]],
    ]);
  });

  it("leaves out a rule that is switched off", () => {
    const plan = compilePlan([
      { id: "off", type: "filter", params: { value: "x" }, enabled: false },
      { id: "on", type: "filter", params: { value: "y" } },
    ]);
    expect(plan.rules.map(({ id }) => id)).toEqual(["on"]);
    expect(plan.operations[0]!.rule).toBe(0);
  });

  it("marks protect rules, whichever way they ask for it, and unlimited matches", () => {
    const flags = (rule: object) =>
      compilePlan([{ id: "x", params: {}, type: "filter", ...rule }]).operations[0]!.flags;
    expect(flags({ params: { value: "x" } })).toBe(0);
    expect(flags({ params: { value: "x", protect: true } })).toBe(operationFlag.protect);
    expect(flags({ params: { value: "x" }, protect: true })).toBe(operationFlag.protect);
    expect(flags({ type: "redact", params: { pattern: "a" } })).toBe(operationFlag.protect);
    expect(flags({ type: "redact", params: { pattern: "a+" } })).toBe(operationFlag.protect | operationFlag.limited);
  });

  it("makes a route of each output that has a filter, by its place in the manifest", () => {
    const plan = compilePlan(
      [],
      [
        { type: "console" },
        { type: "console", filter: { value: "a" } },
        { type: "console", filter: { not: { value: "b" } } },
      ],
    );
    expect(plan.outputs).toBe(3);
    expect(plan.routes).toEqual([
      { output: 1, condition: { kind: "literal", literal: Buffer.from("a") } },
      { output: 2, condition: { kind: "not", of: { kind: "literal", literal: Buffer.from("b") } } },
    ]);
    expect(compilePlan([], [{ type: "console" }])).toEqual({ rules: [], operations: [] });
  });

  it("gives an empty plan for no rules", () => {
    expect(compilePlan([])).toEqual({ rules: [], operations: [] });
  });
});
