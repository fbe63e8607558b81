/** How a list of rules protects less than another. */

import { describe, expect, it } from "vitest";
import type { Rule } from "./manifest.ts";
import { weakenings } from "./weakened.ts";

const redact: Rule = { id: "r", type: "redact", params: { pattern: "a", replacement: "b" } };
const filter: Rule = { id: "f", type: "filter", params: { value: "x" } };
const how = (before: Rule, ...after: Rule[]) => weakenings([before], after).map((one) => one.how);

describe("weakenings", () => {
  it.each([
    ["is gone", redact, [], "deleted"],
    ["is switched off", redact, [{ ...redact, enabled: false }], "disabled"],
    ["is in shadow", redact, [{ ...redact, mode: "shadow" }], "shadowed"],
    ["got a condition", redact, [{ ...redact, when: { value: "x" } }], "narrowed"],
    ["got another condition", { ...redact, when: { value: "y" } }, [{ ...redact, when: { value: "x" } }], "narrowed"],
    ["may be skipped", { ...filter, protect: true }, [filter], "unprotected"],
    ["may be skipped, by its parameter", { ...filter, params: { value: "x", protect: true } }, [filter], "unprotected"],
    ["became a rule that reduces", redact, [{ ...filter, id: "r" }], "unprotected"],
    ["has other parameters", redact, [{ ...redact, params: { pattern: "aa" } }], "changed"],
  ] as const)("tell of a protect rule that %s", (_name, before, after, expected) => {
    expect(how(before as Rule, ...(after as readonly Rule[]))).toEqual([expected]);
  });

  const second: Rule = { ...redact, id: "second" };

  it("tell all that became of one", () => {
    const now: Rule = { ...redact, when: { value: "x" }, params: { pattern: "aa" } };
    expect(weakenings([redact, second], [second, now]).map(({ rule, how }) => [rule, how])).toEqual([
      ["r", "narrowed"],
      ["r", "changed"],
      ["r", "moved"],
    ]);
  });

  it("tell of a rule that runs behind a redact that ran behind it, and not of the one that overtook it", () => {
    expect(weakenings([redact, filter, second], [second, filter, redact])).toEqual([
      { rule: "r", how: "moved", what: expect.stringContaining('"second"') },
    ]);
    expect(weakenings([redact, second], [{ ...second, mode: "shadow" }, redact]).map(({ how }) => how)).toEqual([
      "shadowed",
    ]);
    expect(weakenings([redact], [second, redact])).toEqual([]);
  });

  it.each([
    ["stays", redact, [redact]],
    [
      "has its fields in another order",
      redact,
      [{ params: { replacement: "b", pattern: "a" }, type: "redact", id: "r" }],
    ],
    ["is moved among others that change nothing", redact, [filter, redact]],
    ["lost its condition", { ...redact, when: { value: "x" } }, [redact]],
    ["only reduces", filter, []],
    ["was off before", { ...redact, enabled: false }, []],
    ["was in shadow before", { ...redact, mode: "shadow" }, []],
    ["protects from now on", filter, [{ ...filter, protect: true }]],
  ] as const)("say nothing of a rule that %s", (_name, before, after) => {
    expect(how(before as Rule, ...(after as readonly Rule[]))).toEqual([]);
  });
});
