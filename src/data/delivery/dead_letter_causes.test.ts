/** Dead letters by cause: each under its word, and never more words than the bound. */

import { describe, expect, it } from "vitest";
import { DeadLetterCauses, deadLetterCausesMax } from "./dead_letter_causes.ts";

describe("dead letters by cause", () => {
  it("are the sum of what came with each", () => {
    const causes = new DeadLetterCauses();
    expect(causes.counts).toEqual({});
    causes.add("too_old", 3);
    causes.add("http_400", 1);
    causes.add("too_old", 2);
    causes.add("expired", 0);
    expect(causes.counts).toEqual({ too_old: 5, http_400: 1 });
  });

  it("are told apart up to the bound; what comes with a later one is other, and the sum stays right", () => {
    const causes = new DeadLetterCauses();
    for (let status = 400; status < 500; status++) causes.add(`http_${status}`, 2);
    causes.add("http_400", 1);
    causes.add("http_499", 1);
    const { other, ...named } = causes.counts;
    expect(Object.keys(named)).toHaveLength(deadLetterCausesMax);
    expect([named.http_400, other]).toEqual([3, 2 * (100 - deadLetterCausesMax) + 1]);
  });

  it("joins the others of several workers, of which it takes no place", () => {
    const causes = new DeadLetterCauses();
    causes.add("other", 4);
    for (let status = 400; status < 400 + deadLetterCausesMax; status++) causes.add(`http_${status}`, 1);
    expect(Object.keys(causes.counts)).toHaveLength(deadLetterCausesMax + 1);
    expect(causes.counts.other).toBe(4);
  });
});
