/** Ids of outputs that were given none: the same wherever they are made up, and never another destination's. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutputConfig } from "../outputs/output.ts";
import { destinationKey, idKey, withIds } from "./output_identity.ts";

const ids = (...outputs: OutputConfig[]) => withIds(outputs).map(({ id }) => id);
const idOf = (output: OutputConfig) => ids(output)[0]!;

const a = { type: "http", url: "http://a" };
const b = { type: "http", url: "http://b" };

describe("withIds", () => {
  // Written out, since an id that another version makes up otherwise would leave a spool behind.
  it("calls outputs by their type and what they send to, whatever their order; a console is the console", () => {
    expect(ids(a, { type: "console" }, b)).toEqual(["http-474aba", "console", "http-d41d50"]);
    expect(ids(b, a)).toEqual([idOf(b), idOf(a)]);
    expect(idOf({ type: "datadog", api_key: "k" })).toMatch(/^datadog-[0-9a-f]{6}$/);
  });

  it("does not look at the order of fields, at secrets, and at what every type has", () => {
    const output = {
      type: "http",
      url: "http://h/in?tenant=7&token=s1",
      headers: { "x-key": "s2", "x-team": "core" },
      auth: { bearer: "s3" },
    };
    const id = idOf(output);
    const same: OutputConfig[] = [
      { auth: { bearer: "t3" }, headers: { "x-team": "core", "x-key": "t2" }, url: output.url, type: "http" },
      { ...output, url: "http://h/in?tenant=7&token=t1" },
      { ...output, headers: { "x-key": { env: "KEY" }, "x-team": "core" }, auth: { bearer: { file: "/run/token" } } },
      { ...output, queue: { durable: true }, retry: { deadline_s: 60 }, payload: { max_records: 1 }, concurrency: 4 },
      { ...output, filter: { value: "x" }, compression: "gzip", tls: { server_name: "h" } },
    ];
    for (const other of same) expect(idOf(other), JSON.stringify(other)).toBe(id);
    const others: OutputConfig[] = [
      { ...output, url: "http://h/in?tenant=8&token=s1" },
      { ...output, headers: { "x-key": "s2", "x-team": "edge" } },
      { ...output, method: "PUT" },
    ];
    for (const other of others) expect(idOf(other), JSON.stringify(other)).not.toBe(id);
  });

  it("numbers those that send to the same destination, the first one not", () => {
    const errors = { ...a, filter: { severity: { at_least: "ERROR" } } };
    expect(ids(a, b, errors, { ...a, compression: "gzip" })).toEqual([
      idOf(a),
      idOf(b),
      `${idOf(a)}-2`,
      `${idOf(a)}-3`,
    ]);
    expect(ids({ type: "console" }, { type: "console", filter: { value: "x" } })).toEqual(["console", "console-2"]);
  });

  it("keeps given ids and goes around them, wherever they stand and whatever their case", () => {
    const taken = idOf(a).toUpperCase();
    expect(ids(a, { ...b, id: taken })).toEqual([`${idOf(a)}-2`, taken]);
    expect(ids({ ...b, id: "mine" }, a)).toEqual(["mine", idOf(a)]);
    expect(ids({ type: "console" }, { ...a, id: "Console" })).toEqual(["console-2", "Console"]);
  });

  const output = fc.record(
    {
      type: fc.constantFrom("http", "console", "file"),
      url: fc.constantFrom("http://a", "http://b"),
      id: fc.constantFrom(idOf(a), idOf(a).toUpperCase(), `${idOf(b)}-2`, "x", "console"),
    },
    { requiredKeys: ["type", "url"] },
  );
  const lists = fc.array(output, { maxLength: 12 }).map((list) => {
    const seen = new Set<string>();
    return list.map(({ type, url, id }): OutputConfig => {
      const output = type === "console" ? { type } : { type, url };
      if (id === undefined || seen.has(idKey(id))) return output;
      seen.add(idKey(id));
      return { ...output, id };
    });
  });

  it("gives each its own, the same each time, and none to those that have one", () => {
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

  it("gives a destination the same ids in any order, so never another's", () => {
    const idsOfDestinations = (list: readonly OutputConfig[]) => {
      const made = withIds(list).filter((_, index) => list[index]!.id === undefined);
      return made.map(({ id, type, url }) => `${id} ${type} ${url}`).toSorted();
    };
    const shuffled = lists.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
    );
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        expect(idsOfDestinations(other)).toEqual(idsOfDestinations(list));
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
