/** What is said of values that do not fit a schema, and what a schema says of a value's parts. */

import { describe, expect, it } from "vitest";
import { firstViolation, unknownFields } from "./schema.ts";
import { Type } from "./typebox.ts";

const either = Type.Union([
  Type.Object({ user: Type.Object({ name: Type.String(), age: Type.Optional(Type.Integer()) }) }),
  Type.Object({ token: Type.String() }),
]);
const schema = Type.Object({
  free: Type.Optional(Type.Object({}, { additionalProperties: true })),
  headers: Type.Optional(Type.Record(Type.String(), Type.String())),
  either: Type.Optional(either),
  list: Type.Optional(Type.Array(Type.Object({ a: Type.Optional(Type.Integer()) }))),
  id: Type.Optional(Type.String({ pattern: "^[a-z]+$", "x-words": "lower-case letters" })),
  amount: Type.Optional(Type.Union([Type.Literal("all"), Type.Integer()], { "x-words": '"all" or a whole number' })),
});

describe("firstViolation", () => {
  it.each([
    [{ headers: { a: 1 } }, ["headers", "a"], "must be a string, not a number"],
    [{ id: "A" }, ["id"], "must be lower-case letters"],
    [{ id: 1 }, ["id"], "must be a string, not a number"],
    [{ amount: "some" }, ["amount"], 'must be "all" or a whole number'],
    [{ list: [{ a: 1 }, { a: "x" }] }, ["list", "1", "a"], "must be an integer, not a string"],
  ])("of %o names the place and what would fit", (value, path, what) => {
    expect(firstViolation(schema, value)).toEqual({ path, what });
  });
});

describe("unknownFields", () => {
  const paths = (value: object) => unknownFields(schema, value).map(({ path }) => path.join("."));

  it("finds them at any depth: in objects, lists and the shape of a union that fits best", () => {
    expect(paths({ x: 1, list: [{ a: 1 }, { b: 2 }], either: { user: { name: "n", nmae: "m" } } })).toEqual([
      "x",
      "list.1.b",
      "either.user.nmae",
    ]);
    expect(paths({ either: { token: "t", tokn: "t" } })).toEqual(["either.tokn"]);
  });

  it("finds none where every name is allowed", () => {
    expect(paths({ free: { any: { thing: 1 } }, headers: { "x-any": "1" } })).toEqual([]);
  });

  it("tells what is known there", () => {
    expect(unknownFields(schema, { list: [{ b: 2 }] })[0]!.known).toEqual(["a"]);
  });

  it("takes keys such as __proto__ and constructor for what they are", () => {
    expect(paths(JSON.parse('{"__proto__":1,"constructor":2,"headers":{"__proto__":"x"}}'))).toEqual([
      "__proto__",
      "constructor",
    ]);
  });
});
