/** What counts as harm of a version, and what does not. */

import { describe, expect, it } from "vitest";
import { type Case, type Finding, judge } from "./judgement.ts";
import type { OutputSample, Sample } from "./sample.ts";

const limits = { volume: 0.05, errors: 0.2, records: 1000, windowMs: 60_000 };
const sample = (
  received: number,
  dropped: Record<string, number> = {},
  outputs: Record<string, Partial<OutputSample>> = {},
  quarantined = 0,
): Sample => ({
  ...{ received, quarantined, dropped: new Map(Object.entries(dropped)) },
  outputs: new Map(
    Object.entries(outputs).map(([id, output]) => [
      id,
      { filtered: 0, routed: received, delivered: received, refused: 0, ...output },
    ]),
  ),
});
interface Given {
  readonly reduce?: readonly string[];
  readonly stays?: readonly string[];
  readonly staysChanged?: boolean;
  readonly outputs?: readonly string[];
  readonly sinceMs?: number;
  readonly word?: Case["word"];
}
const found = (before: Sample, since: Sample, given: Given = {}): readonly Partial<Finding>[] =>
  judge({
    ...{ before, since, limits, word: given.word ?? {}, sinceMs: given.sinceMs ?? 5000 },
    change: {
      reduce: new Set(given.reduce),
      stays: new Set(given.stays),
      staysChanged: given.staysChanged ?? false,
      outputs: new Set(given.outputs),
    },
  }).map(({ kind, revert, outputs }) => ({ kind, revert, outputs }));
const goBack = { kind: "volume", revert: true, outputs: false };
const outputsBack = { kind: "errors", revert: true, outputs: true };

describe("volume", () => {
  it("has collapsed when a changed reduce rule drops nearly all that passed before", () => {
    expect(found(sample(5000, { a: 1000 }), sample(1000, { a: 1000 }), { reduce: ["a"] })).toEqual([goBack]);
    expect(found(sample(5000), sample(1000, { new: 960 }), { reduce: ["new"] })).toEqual([goBack]);
  });

  it("has not when nine tenths are dropped, or it is judged by few records, or was meant", () => {
    expect(found(sample(5000), sample(5000, { a: 4500 }), { reduce: ["a"] })).toEqual([]);
    expect(found(sample(5000), sample(999, { a: 999 }), { reduce: ["a"] })).toEqual([]);
    expect(found(sample(999), sample(5000, { a: 5000 }), { reduce: ["a"] })).toEqual([]);
    expect(found(sample(5000), sample(5000, { a: 5000 }), { reduce: ["a"], word: { volume: false } })).toEqual([]);
  });

  it("is measured by what passed before: a gate that dropped nearly all may drop a little more", () => {
    expect(found(sample(5000, { a: 4800 }), sample(5000, { a: 4900 }), { reduce: ["a"] })).toEqual([]);
    expect(found(sample(5000, { a: 4800 }), sample(5000, { a: 5000 }), { reduce: ["a"] })).toEqual([goBack]);
  });

  it("that falls because the traffic is another is not the version's doing", () => {
    const [before, flood] = [sample(5000, { old: 100, a: 0 }), sample(5000, { old: 5000, a: 0 })];
    expect(found(before, flood, { reduce: ["a"] })).toEqual([]);
    expect(found(before, sample(5000, { old: 4000, a: 1000 }), { reduce: ["a"] })).toEqual([]);
  });

  it("that a protect rule takes, or an output's filter, is for people to look at", () => {
    const alert = { kind: "volume", revert: false, outputs: false };
    expect(found(sample(5000), sample(5000, { p: 5000 }), { stays: ["p"], staysChanged: true })).toEqual([alert]);
    expect(found(sample(5000), sample(5000, { p: 5000 }), { stays: ["p"] })).toEqual([]);
    const [before, filtered] = [sample(2000, {}, { o: {} }), sample(2000, {}, { o: { routed: 10, filtered: 1990 } })];
    expect(found(before, filtered, { outputs: ["o"] })).toEqual([alert]);
    expect(found(before, filtered)).toEqual([]);
  });
});

describe("errors", () => {
  it("have jumped when a changed output refuses records that were taken before", () => {
    const refusing = { delivered: 700, refused: 300 };
    expect(found(sample(2000, {}, { o: {} }), sample(1000, {}, { o: refusing }), { outputs: ["o"] })).toEqual([
      outputsBack,
    ]);
    const before = sample(2000, {}, { o: { delivered: 1500, refused: 500 } });
    expect(found(before, sample(1000, {}, { o: refusing }), { outputs: ["o"] })).toEqual([]);
    expect(found(sample(2000, {}, { o: {} }), sample(1000, {}, { o: refusing }))).toEqual([]);
    const word = { errors: false };
    expect(found(sample(2000, {}, { o: {} }), sample(1000, {}, { o: refusing }), { outputs: ["o"], word })).toEqual([]);
  });

  it("are there when a new output takes nothing at all, once there was time", () => {
    const silent = sample(3000, {}, { o: { delivered: 0 } });
    expect(found(sample(2000), silent, { outputs: ["o"], sinceMs: 30_000 })).toEqual([outputsBack]);
    expect(found(sample(2000), silent, { outputs: ["o"], sinceMs: 29_000 })).toEqual([]);
    expect(found(sample(2000), silent, { sinceMs: 30_000 })).toEqual([]);
    const slow = sample(3000, {}, { o: { delivered: 1 } });
    expect(found(sample(2000), slow, { outputs: ["o"], sinceMs: 30_000 })).toEqual([]);
  });

  it("of a destination that refuses what changed protect rules make of records are for people", () => {
    const refusing = sample(1000, {}, { o: { delivered: 0, refused: 1000 } });
    expect(found(sample(2000, {}, { o: {} }), refusing, { staysChanged: true })).toEqual([
      { kind: "errors", revert: false, outputs: false },
    ]);
  });

  it("are records that rules cannot finish; protect rules are not taken back for them", () => {
    const withheld = sample(1000, {}, {}, 300);
    const of = (given: Given) => found(sample(2000), withheld, given);
    expect(of({ staysChanged: true, reduce: ["a"] })).toEqual([{ kind: "errors", revert: false, outputs: false }]);
    expect(of({ reduce: ["a"] })).toEqual([{ kind: "errors", revert: true, outputs: false }]);
    expect(of({})).toEqual([]);
  });
});
