/** What runs when a data plane goes back: reduce rules of before, and never less protection than either version has. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { activePipeline, type Manifest, readManifest } from "./manifest.ts";
import { changedReduceRules, reverted } from "./reverted.ts";
import { weakenings } from "./weakened.ts";

const manifest = (processors: readonly object[], outputs: readonly object[] = [], version = "1"): Manifest =>
  readManifest({ version, pipelines: [{ processors, outputs }] }, checkPattern).manifest;
const drop = (id: string, value = id, more: object = {}) => ({ id, type: "filter", params: { value }, ...more });
const redact = (id: string, pattern = "x", more: object = {}) => ({
  ...{ id, type: "redact", params: { pattern, replacement: "#" } },
  ...more,
});
const route = (id: string, outputs: string[], more: object = {}) => ({
  id,
  type: "route",
  params: { outputs },
  ...more,
});
const http = (id: string, more: object = {}) => ({ type: "http", id, url: `http://${id}.test`, ...more });

const back = (before: Manifest, after: Manifest, outputs = false) => {
  const { manifest, changed } = reverted(before, after, { outputs });
  const pipeline = activePipeline(manifest);
  return { ...pipeline, ids: pipeline.processors.map(({ id }) => id), changed, version: manifest.version };
};

describe("going back", () => {
  it("takes reduce rules of before in the places of now, and leaves what protects and routes as it is now", () => {
    const before = manifest([drop("gone"), drop("a"), redact("old")]);
    const after = manifest([redact("new"), drop("a", "everything"), drop("added"), route("r", [])], [], "2");
    const { ids, processors, changed, version } = back(before, after);
    expect(ids).toEqual(["gone", "new", "a", "r"]);
    expect(processors[2]).toMatchObject(drop("a"));
    expect([changed, version]).toEqual([{ rules: true, outputs: false }, "2"]);
  });

  it("keeps a rule that protects now though it only reduced before, and brings back one that protected before", () => {
    const before = manifest([drop("up"), drop("down", "down", { protect: true })]);
    const after = manifest([drop("up", "up", { protect: true }), drop("down")]);
    expect(back(before, after).processors).toMatchObject([
      drop("up", "up", { protect: true }),
      drop("down", "down", { protect: true }),
    ]);
  });

  it("leaves a redact in shadow or switched off as the new version has it", () => {
    const before = manifest([redact("s"), redact("o")]);
    const after = manifest([redact("s", "x", { mode: "shadow" }), redact("o", "x", { enabled: false })]);
    expect(back(before, after)).toMatchObject({
      changed: { rules: false },
      processors: activePipeline(after).processors,
    });
  });

  it("sends an output that both have where it was sent, and only what both filters let through", () => {
    const secret = { not: { value: "secret" } };
    const before = manifest([], [http("a", { filter: { value: "x" } })]);
    const after = manifest([], [{ ...http("a"), url: "http://wrong.test", filter: secret }]);
    expect(back(before, after, true).outputs).toEqual([http("a", { filter: { all: [{ value: "x" }, secret] } })]);
    expect(back(before, after, false).outputs).toEqual(activePipeline(after).outputs);
  });

  it("lets an output that was replaced take its successor's place, for what that would have been sent", () => {
    const filter = { not: { value: "secret" } };
    const before = manifest([], [http("old"), http("stays")]);
    const after = manifest([], [http("stays"), http("new", { filter })]);
    expect(back(before, after, true).outputs).toEqual([http("stays"), http("old", { filter })]);
  });

  it("does not bring back an output that was removed and not replaced, and keeps one that a route names", () => {
    const before = manifest([], [http("a"), http("removed")]);
    const after = manifest([route("r", ["safe"])], [{ ...http("a"), url: "http://wrong.test" }, http("safe")]);
    expect(back(before, after, true).outputs).toEqual([http("a"), http("safe")]);
  });

  it.each([
    ["deleted", []],
    ["narrowed", [redact("r", "x", { when: { value: "y" } })]],
    ["changed", [redact("r", "z")]],
    ["switched off", [redact("r", "x", { enabled: false })]],
  ])("leaves outputs alone when a rule was %s that protected what they were sent", (_, rules) => {
    const before = manifest([redact("r")], [http("vendor")]);
    const after = manifest(rules, [http("inside")]);
    expect(back(before, after, true)).toMatchObject({ outputs: [http("inside")], changed: { outputs: false } });
  });

  it("does not count a rule as another that comes out of the shadow", () => {
    const before = manifest([drop("a", "a", { mode: "shadow" }), drop("b")]);
    const after = manifest([drop("a"), drop("b", "other"), drop("c"), redact("d")]);
    expect([...changedReduceRules(before, after)]).toEqual(["b", "c"]);
    const between = manifest([drop("a"), drop("b", "other"), drop("c", "c", { mode: "shadow" })]);
    expect([...changedReduceRules(before, after, between)]).toEqual(["b"]);
  });

  it("protects whatever either version says, at least as the new one does", () => {
    const rules = fc.uniqueArray(
      fc
        .tuple(
          fc.constantFrom("a", "b", "c", "d", "e"),
          fc.constantFrom("drop", "protect", "redact", "route"),
          fc.constantFrom("x", "y"),
          fc.constantFrom({}, {}, { enabled: false }, { mode: "shadow" }, { when: { value: "w" } }),
        )
        .map(([id, kind, value, more]) => {
          if (kind === "redact") return redact(id, value, more);
          if (kind === "route") return route(id, ["one"], more);
          return drop(id, value, { ...more, ...(kind === "protect" && { protect: true }) });
        }),
      { selector: ({ id }) => id, maxLength: 5 },
    );
    const outputs = fc
      .uniqueArray(fc.constantFrom("two", "three"), { maxLength: 2 })
      .map((ids) => ["one", ...ids].map((id) => http(id)));
    fc.assert(
      fc.property(rules, rules, outputs, outputs, fc.boolean(), (one, other, to, toOther, withOutputs) => {
        const [before, after] = [manifest(one, to), manifest(other, toOther, "2")];
        const { manifest: result } = reverted(before, after, { outputs: withOutputs });
        const [was, is, now] = [before, after, readManifest(result, checkPattern).manifest].map(
          (each) => activePipeline(each).processors,
        );
        expect(weakenings(is!, now!)).toEqual([]);
        const staying = is!.filter(({ type, protect }) => type !== "filter" || protect === true);
        expect(now!.filter(({ id }) => staying.some((rule) => rule.id === id))).toEqual(staying);
        // An output that comes back meets every protection that it had.
        const added = activePipeline(result).outputs.filter(({ id }) => !toOther.some((output) => output.id === id));
        if (added.length > 0) expect(weakenings(was!, now!)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
