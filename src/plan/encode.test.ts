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
      rules: [
        { id: "a", type: "filter", class: "reduce" },
        { id: "b", type: "filter", class: "reduce", state: 0x1122334455667788n },
      ],
      operations: [
        { name: "dropLiteral", rule: 0, flags: 1, args: [Buffer.from("x")] },
        {
          name: "drop",
          rule: 1,
          flags: 4,
          args: [],
          when: {
            kind: "all",
            of: [
              { kind: "source", networks: [Uint8Array.of(8, 10, 0, 0, 0)] },
              { kind: "transport", transports: 2 },
              { kind: "time", periodMs: 60_000, lengthMs: 6_000 },
            ],
          },
        },
      ],
      seed: 7n,
      service: [Buffer.from("s")],
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
    const { all, any, not, literal, pattern, attribute, severity: bySeverity, source, transport, time } = conditionCode;
    expect(Buffer.from(bytes)).toEqual(
      Buffer.concat([
        u32(planMagic, 2, 2, 2, 3, 1),
        u32(7, 0),
        text("s"),
        u32(0, 0),
        u32(0x55667788, 0x11223344),
        u16(operationCode.dropLiteral, 1),
        u32(0, 1, 0),
        text("x"),
        u16(operationCode.drop, 4),
        u32(1, 0, 1),
        u16(all, 0),
        u32(0, 0, 3),
        u16(source, 0),
        u32(1, 0, 0),
        u32(5),
        Buffer.of(8, 10, 0, 0, 0),
        u16(transport, 2),
        u32(0, 0, 0),
        u16(time, 0),
        u32(1, 0, 0),
        u32(8, 60_000, 6_000),
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
    expect(Buffer.from(encodePlan({ rules: [], operations: [] }))).toEqual(u32(planMagic, 0, 0, 0, 0, 0, 0, 0));
  });
});
