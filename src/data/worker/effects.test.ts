/** Effects of several workers as one. */

import { describe, expect, it } from "vitest";
import { togetherByRule } from "./effects.ts";
import type { WorkerEffect } from "./messages.ts";

const service = (name: string, records: number) => ({ name: Buffer.from(name), records, bytes: records * 10 });
const effect = (more: Partial<WorkerEffect>): WorkerEffect => ({
  rule: "a",
  sinceMs: 5,
  records: [1, 2],
  bytes: [10, 20],
  savedBytes: 30,
  services: [],
  others: service("", 0),
  examples: [],
  ...more,
});

describe("togetherByRule", () => {
  it("adds up what each worker counted, from the first of them on", () => {
    const told = togetherByRule([
      effect({ sinceMs: 9 }),
      effect({ rule: "b" }),
      effect({ records: [10, 0], bytes: [1, 0], savedBytes: -5 }),
    ]);
    expect(told.map(({ rule }) => rule)).toEqual(["a", "b"]);
    expect(told[0]).toMatchObject({
      sinceMs: 5,
      bySeverity: [
        { records: 11, bytes: 11 },
        { records: 2, bytes: 20 },
      ],
      savedBytes: 25,
    });
  });

  it("joins services by name, most first, and those beyond 64 with the others", () => {
    const names = (from: number) =>
      Array.from({ length: 64 }, (_, index) => service(`s${from + index}`, 1000 - from - index));
    const [told] = togetherByRule([
      effect({ services: names(0), others: service("", 3) }),
      effect({ services: names(32) }),
    ]);
    expect(told!.services).toHaveLength(64);
    expect(told!.services[0]).toEqual({ name: "s32", records: 2 * 968, bytes: 2 * 9680 });
    const all = [...names(0), ...names(32), service("", 3)].reduce((sum, { records }) => sum + records, 0);
    expect(told!.services.reduce((sum, { records }) => sum + records, told!.otherServices.records)).toBe(all);
  });

  it("takes examples of each worker in turn, 20 at most", () => {
    const examples = (letter: string, count: number) =>
      Array.from({ length: count }, (_, index) => Buffer.from(`${letter}${index}`));
    const [told] = togetherByRule([effect({ examples: examples("x", 20) }), effect({ examples: examples("y", 2) })]);
    expect(told!.examples.slice(0, 5).map(String)).toEqual(
      ["x0", "y0", "x1", "y1", "x2"].map((text) => String(Buffer.from(text))),
    );
    expect(told!.examples).toHaveLength(20);
  });
});
