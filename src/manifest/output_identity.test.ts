/** Ids of outputs that were given none: the same wherever they are made up, and never another's. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { destinationKey, idKey, withIds } from "./output_identity.ts";

const ids = (...outputs: { type: string; id?: string }[]) => withIds(outputs).map(({ id }) => id);

describe("withIds", () => {
  it("calls outputs by their type and their place among those of their type", () => {
    expect(ids({ type: "http" }, { type: "console" }, { type: "http" }, { type: "datadog" })).toEqual([
      "http-1",
      "console-1",
      "http-2",
      "datadog-1",
    ]);
  });

  it("keeps given ids and goes around them, whatever their case", () => {
    expect(ids({ type: "http" }, { type: "console", id: "HTTP-1" }, { type: "http", id: "http-2" })).toEqual([
      "http-3",
      "HTTP-1",
      "http-2",
    ]);
    expect(ids({ type: "http", id: "a" }, { type: "http" })).toEqual(["a", "http-2"]);
    expect(ids({ type: "http", id: "http-2" }, { type: "http" })).toEqual(["http-2", "http-3"]);
  });

  it("gives each its own, the same each time, and none to those that have one", () => {
    const output = fc.record(
      { type: fc.constantFrom("http", "console", "file"), id: fc.constantFrom("http-1", "HTTP-2", "x", "file-3") },
      { requiredKeys: ["type"] },
    );
    const lists = fc.array(output, { maxLength: 12 }).map((list) => {
      const seen = new Set<string>();
      return list.map(({ type, id }) => {
        if (id === undefined || seen.has(idKey(id))) return { type };
        seen.add(idKey(id));
        return { type, id };
      });
    });
    fc.assert(
      fc.property(lists, (list) => {
        const named = withIds(list);
        expect(new Set(named.map(({ id }) => idKey(id))).size).toBe(list.length);
        expect(withIds(list)).toEqual(named);
        expect(withIds(named)).toEqual(named);
        list.forEach(({ id }, index) => {
          if (id !== undefined) expect(named[index]!.id).toBe(id);
        });
      }),
    );
  });
});

describe("destinationKey", () => {
  it("is the same for outputs that differ in their id and the order of their fields only", () => {
    const key = destinationKey({ type: "http", url: "http://h", headers: { a: "1", b: "2" } });
    expect(destinationKey({ id: "x", headers: { b: "2", a: "1" }, url: "http://h", type: "http" })).toBe(key);
    expect(destinationKey({ type: "http", url: "http://h", filter: {} })).not.toBe(key);
  });
});
