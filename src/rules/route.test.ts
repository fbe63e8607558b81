/** route: which bits it sets, which outputs it names. What engines do with it: test/conformance/rules.test.ts. */

import { describe, expect, it } from "vitest";
import { route } from "./route.ts";

describe("route", () => {
  const bitsOf = (outputs: string[], ids: (string | undefined)[]) =>
    Buffer.from(route.compile({ outputs }, ids)[0]!.args[0]!).readBigUInt64LE();

  it("sets the bit of each output that it names, by its place in the manifest", () => {
    const ids = Array.from({ length: 64 }, (_, i) => `o${i}`);
    expect(bitsOf(["o1", "o63"], ids)).toBe((1n << 63n) | 2n);
    expect(bitsOf([], ids)).toBe(0n);
    expect(bitsOf(["b"], [undefined, "b"])).toBe(2n);
  });

  it("says which outputs it names, so that a manifest without one is refused", () => {
    expect(route.outputs?.({ outputs: ["a", "b"] })).toEqual(["a", "b"]);
  });

  it("is never skipped, whatever the load", () => expect(route.class).toBe("protect"));
});
