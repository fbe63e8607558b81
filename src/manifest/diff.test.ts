/** What a diff says, and that it says everything: what it names, done to the one manifest, gives the other. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diffManifests, type ListDiff } from "./diff.ts";
import { type Manifest, passthrough, type Rule } from "./manifest.ts";

const manifest = (rules: readonly Rule[], more: object = {}, outputs: readonly object[] = []): Manifest =>
  ({
    ...passthrough,
    pipelines: [{ ...passthrough.pipelines[0], processors: rules, outputs, ...more }],
  }) as unknown as Manifest;
const rule = (id: string, value = id): Rule => ({ id, type: "filter", params: { value } }) as Rule;

/** Does to a list what a diff of it says. */
function apply(before: readonly Rule[], { added, removed, changed, moved }: ListDiff<Rule>): readonly Rule[] {
  const away = [...removed.map(({ id }) => id), ...moved.map(({ id }) => id)];
  const now = (one: Rule) => changed.find(({ id }) => id === one.id)?.after ?? one;
  const list = before.filter(({ id }) => !away.includes(id)).map(now);
  const placed = [
    ...added.map(({ at, item }) => ({ at, item })),
    ...moved.map(({ id, to }) => ({ at: to, item: now(before.find((one) => one.id === id)!) })),
  ].sort((a, b) => a.at - b.at);
  for (const { at, item } of placed) list.splice(at, 0, item);
  return list;
}

describe("a diff", () => {
  it("names what was added, removed, changed and moved, by ids", () => {
    const diff = diffManifests(
      manifest([rule("a"), rule("b"), rule("c"), rule("d")]),
      manifest([rule("d"), rule("b", "other"), rule("c"), rule("e")], { batch_size: 7 }),
    );
    expect(diff).toEqual({
      same: false,
      rules: {
        added: [{ at: 3, item: rule("e") }],
        removed: [rule("a")],
        changed: [{ id: "b", fields: ["params.value"], before: rule("b"), after: rule("b", "other") }],
        moved: [{ id: "d", from: 3, to: 0 }],
      },
      outputs: { added: [], removed: [], changed: [], moved: [] },
      settings: [{ field: "batch_size", before: 100, after: 7 }],
    });
  });

  it("shows no secret, and says all the same that one has changed", () => {
    const output = (api_key: string) => ({ type: "datadog", id: "dd", api_key });
    const diff = diffManifests(
      manifest([], {}, [output("0ld-secret"), { type: "datadog", id: "gone", api_key: "0ld-secret" }]),
      manifest([], {}, [output("new-secret"), { type: "datadog", id: "came", api_key: "new-secret" }]),
    );
    expect(diff.outputs.changed).toEqual([
      { id: "dd", fields: ["api_key"], before: output("***"), after: output("***") },
    ]);
    expect(JSON.stringify(diff)).not.toMatch(/secret/);
  });

  it("names fields that nobody knows, and the pipelines that do not run", () => {
    const before = { ...manifest([], { owner: "a" }), note: 1 };
    const after = { ...manifest([], { owner: "b" }), pipelines: [manifest([], { owner: "b" }).pipelines[0], { x: 1 }] };
    expect(diffManifests(before, after as unknown as Manifest).settings).toEqual([
      { field: "pipelines[0].owner", before: "a", after: "b" },
      { field: "note", before: 1 },
      { field: "pipelines[1]", after: { x: 1 } },
    ]);
  });

  it("does not see version, time, or the order of keys", () => {
    const before = { ...manifest([rule("a")]), version: "1", timestamp: "t" };
    const after = manifest([{ params: { value: "a" }, type: "filter", id: "a" } as unknown as Rule]);
    expect(diffManifests(before, after).same).toBe(true);
  });

  it("says everything about two lists of rules, and moves no more than must move", () => {
    const list = fc.uniqueArray(fc.record({ id: fc.constantFrom(..."abcdefghij"), value: fc.constantFrom("x", "y") }), {
      selector: ({ id }) => id,
      maxLength: 10,
    });
    fc.assert(
      fc.property(list, list, (one, other) => {
        const [before, after] = [one, other].map((rules) => rules.map(({ id, value }) => rule(id, value)));
        const { rules } = diffManifests(manifest(before!), manifest(after!));
        expect(apply(before!, rules)).toEqual(after);
        const stayed = after!.filter(({ id }) => before!.some((was) => was.id === id));
        expect(rules.moved.length).toBeLessThanOrEqual(Math.max(0, stayed.length - 1));
      }),
    );
  });
});
