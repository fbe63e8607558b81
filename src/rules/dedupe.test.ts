/** dedupe: what it compiles to, what it remembers by, and what it refuses. What it does to records: test/conformance/reduce.test.ts. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { compilePlan } from "../plan/compile.ts";
import { dedupe } from "./dedupe.ts";

const compiled = (params: Record<string, unknown>, id?: string) => {
  const [head, label, ...fields] = dedupe.compile(params, [], id)[0]!.args.map((arg) => Buffer.from(arg));
  return {
    windowMs: head!.readDoubleLE(0),
    memory: head!.readDoubleLE(8),
    mask: head![16],
    label: String(label),
    fields,
  };
};

describe("dedupe", () => {
  it("remembers for a minute, in 8 MiB, whole records as they are, when nothing else is said", () => {
    expect(compiled({}, "d")).toEqual({ windowMs: 60_000, memory: 8_388_608, mask: 0, label: "d", fields: [] });
  });

  it("says its id so that it is one line and the inside of a JSON string", () => {
    expect(compiled({}, 'a"\n\\').label).toBe('a\\"\\n\\\\');
  });

  it("takes fields as names or, with a slash, as places", () => {
    const { fields } = compiled({ fields: ["a", "/x/y"], window_s: 0.5, mask: true });
    expect(fields[0]!.length).toBeGreaterThan(30);
    expect(fields[1]).toEqual(Buffer.from("\u000a\0\0\0\u0001\0\0\0x\u0001\0\0\0y"));
  });

  it("refuses a field that cannot be looked for", () => {
    expect(dedupe.refusal({ fields: ["a", "/x//y"] }, checkPattern)).toMatchObject({
      code: "SG_RULE_PARAMS",
      param: "fields[1]",
      what: "has an empty key",
    });
    for (const example of dedupe.examples) expect(dedupe.refusal(example, checkPattern)).toBeUndefined();
  });

  it("begins anew with other parameters, and goes on when it only comes to protect", () => {
    const state = (params: Record<string, unknown>, id = "d") =>
      compilePlan([{ id, type: "dedupe", params: params }]).rules[0]!.state;
    expect(state({ window_s: 5 })).toBe(state({ window_s: 5, protect: true }));
    const others = [
      { window_s: 6 },
      { window_s: 5, mask: true },
      { window_s: 5, fields: ["a"] },
      { memory_bytes: 65_536 },
    ];
    expect(new Set([...others, { window_s: 5 }].map((params) => state(params))).size).toBe(5);
    expect(state({}, "e")).not.toBe(state({}));
  });
});
