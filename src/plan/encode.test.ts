/** A plan's bytes, as drawn in encode.ts. That the native engine reads them back is tested by what it does with them (test/conformance). */

import { describe, expect, it } from "vitest";
import { encodePlan, planMagic } from "./encode.ts";
import { attributeOperator, conditionCode, operationCode, severity } from "./operations.ts";

const u16 = (...values: number[]) => Buffer.from(Uint16Array.from(values).buffer);
const u32 = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
const text = (value: string) => Buffer.concat([u32(value.length), Buffer.from(value)]);

describe("encodePlan", () => {
  it("writes rules, operations and routes as they are drawn", () => {
    const bytes = encodePlan({
      rules: [{ id: "a", type: "filter", class: "reduce" }],
      operations: [{ name: "dropLiteral", rule: 0, flags: 1, args: [Buffer.from("x")] }],
      outputs: 3,
      routes: [
        {
          output: 1,
          condition: {
            kind: "all",
            of: [
              { kind: "literal", literal: Buffer.from("l") },
              { kind: "not", of: { kind: "pattern", pattern: Buffer.from("p") } },
            ],
          },
        },
        {
          output: 2,
          condition: {
            kind: "any",
            of: [
              { kind: "severity", atLeast: "error" },
              {
                kind: "attribute",
                operator: "differs",
                values: [Buffer.from("v"), Buffer.from("w")],
                paths: [Buffer.from("k")],
              },
            ],
          },
        },
      ],
    });
    const { all, any, not, literal, pattern, attribute, severity: bySeverity } = conditionCode;
    expect(Buffer.from(bytes)).toEqual(
      Buffer.concat([
        u32(planMagic, 1, 1, 2, 3),
        u16(operationCode.dropLiteral, 1),
        u32(0, 1),
        text("x"),
        u32(1),
        u16(all, 0),
        u32(0, 0, 2),
        u16(literal, 0),
        u32(1, 0, 0),
        text("l"),
        u16(not, 0),
        u32(0, 0, 1),
        u16(pattern, 0),
        u32(1, 0, 0),
        text("p"),
        u32(2),
        u16(any, 0),
        u32(0, 0, 2),
        u16(bySeverity, severity.error),
        u32(0, 0, 0),
        u16(attribute, attributeOperator.differs),
        u32(2, 1, 0),
        text("v"),
        text("w"),
        text("k"),
      ]),
    );
  });

  it("writes no routes for a plan without", () => {
    expect(Buffer.from(encodePlan({ rules: [], operations: [] }))).toEqual(u32(planMagic, 0, 0, 0, 0));
  });
});
