/** Fields on a command line become what their schema wants, and texts from elsewhere move no cursor. */
import { describe, expect, it } from "vitest";
import { outputSchema } from "../../outputs/index.ts";
import { ruleTypes } from "../../rules/index.ts";
import { bytes, number, table } from "../table.ts";
import { readFields } from "./fields.ts";
import { visible } from "./terminal.ts";

describe("name=value", () => {
  const params = (type: string, ...given: string[]) => readFields(ruleTypes.get(type)!.params, given);

  it.each([
    ["filter", ["value=DEBUG"], { value: "DEBUG" }],
    ["filter", ["value=a=b"], { value: "a=b" }],
    ["filter", ["value=true", "ignore_case=true"], { value: "true", ignore_case: true }],
    ["filter", ["value=7"], { value: "7" }],
    ["filter", ["pattern=[0-9]+"], { pattern: "[0-9]+" }],
    ["filter", ["field=x", "gt=-1.5"], { field: "x", gt: -1.5 }],
    ["filter", ["values=a, b"], { values: ["a", "b"] }],
    ["filter", ['values=["a,b"]'], { values: ["a,b"] }],
    ["filter", ['not={"value":"x"}'], { not: { value: "x" } }],
    ["redact", ["detectors=credit_card,us_ssn"], { detectors: ["credit_card", "us_ssn"] }],
    ["sample", ["rate=0.1"], { rate: 0.1 }],
    ["throttle", ["records_per_s=100"], { records_per_s: 100 }],
  ])("of %s: %j", (type, given, expected) => {
    expect(params(type, ...given)).toEqual(expected);
  });

  it("of an output may be an object", () => {
    expect(readFields(outputSchema("datadog"), ['api_key={"env":"DD"}', "site=datadoghq.eu"])).toEqual({
      api_key: { env: "DD" },
      site: "datadoghq.eu",
    });
  });

  it("of a type that nobody knows is text", () => {
    expect(readFields(undefined, ["a=7", 'b={"c":1}', "d=[0-9"])).toEqual({ a: "7", b: { c: 1 }, d: "[0-9" });
  });

  it.each([
    [["DEBUG"], /DEBUG: is no field; write name=value/],
    [["=x"], /is no field/],
    [["value=a", "value=b"], /value: is given twice/],
    [["not={"], /not: is no JSON/],
  ])("refuses %j", (given, reason) => {
    expect(() => params("filter", ...given)).toThrow(reason);
  });
});

describe("what people read", () => {
  it("has no control characters, and no marks that turn a line around", () => {
    expect(visible("a\u001b[2Jb\r\nc\td\u0085\u202ee\u0000")).toBe("a\\x1b[2Jb\\r\\nc\td\\x85\\u202ee\\x00");
    expect(visible("grüße ✓ 漢字")).toBe("grüße ✓ 漢字");
  });

  it("has amounts to the right and words to the left", () => {
    expect(
      table([
        ["id", "records", "bytes"],
        ["a", number(1234567), bytes(999)],
        ["long", 3, bytes(1_234_567)],
      ]),
    ).toBe(["id    records    bytes", "a     1,234,567   999 B", "long          3  1.2 MB", ""].join("\n"));
  });

  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [123_456, "123 kB"],
    [999_999, "1.0 MB"],
    [1.5e12, "1.5 TB"],
    [1.5e18, "1500000 TB"],
  ])("writes %d bytes as %s", (amount, expected) => {
    expect(bytes(amount)).toBe(expected);
  });
});
