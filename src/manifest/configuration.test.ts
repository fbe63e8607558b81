/** The configuration file: what its reader takes and refuses, and that the JSON Schema made for editors says the same. */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { portableKind } from "../data/engine/portable/kind.ts";
import { outputTypes } from "../outputs/index.ts";
import { ruleTypes } from "../rules/index.ts";
import { readConfiguration } from "./configuration.ts";
import { configurationJsonSchema } from "./configuration_schema.ts";

const kind = portableKind();
const check = (pattern: string) => kind.checkPattern(pattern);
const read = (value: unknown) => readConfiguration(value, check);
// `required` beside `allOf` and in `oneOf` names fields that stand elsewhere: fine with the standard, not with ajv's own taste.
const validate = new Ajv2020({
  strict: true,
  strictRequired: false,
  strictTypes: false,
  allowUnionTypes: true,
}).compile(configurationJsonSchema());
const example = (name: string) => JSON.parse(readFileSync(new URL(`../../examples/${name}`, import.meta.url), "utf8"));
const rule = (more: object) => ({ rules: [{ id: "a", type: "filter", params: { value: "X" }, ...more }] });
const output = (more: object) => ({ rules: [], outputs: [more] });

/** Title, and a configuration that reader and schema both take. */
const good: readonly [string, unknown][] = [
  ["the example", example("streamgate.json")],
  ["the example's rules", { rules: example("rules.json") }],
  ["no rules, said so", { rules: [] }],
  ["a schema for editors", { $schema: "./streamgate.schema.json", rules: [] }],
  ["a condition in a condition", rule({ when: { all: [{ value: "a" }, { not: { field: "b", lt: 5 } }] } })],
  ["a filter by a field", rule({ params: { field: "service.name", in: ["a", 1], ignore_case: true, action: "keep" } })],
  ["a secret by name", output({ type: "datadog", api_key: { env: "DD_API_KEY" } })],
  ...[...ruleTypes.values()].flatMap(({ type, examples }) =>
    examples.map((params, index): [string, unknown] => [
      `example ${index + 1} of ${type}`,
      {
        rules: [{ id: "a", type, params }],
        outputs: (("outputs" in params ? params.outputs : []) as string[]).map((id) => ({
          id,
          type: "file",
          path: `/var/log/${id}`,
        })),
      },
    ]),
  ),
  ...[...outputTypes.values()].flatMap(({ type, examples }) =>
    examples.map((fields, index): [string, unknown] => [
      `example ${index + 1} of output ${type}`,
      output({ type, ...(fields as object) }),
    ]),
  ),
];

/** Title, a configuration that both refuse, and where the reader says that it is. */
const mistakes: readonly [string, unknown, string][] = [
  ["a list", [], "configuration"],
  ["a text", "rules", "configuration"],
  ["no rules", {}, "rules"],
  ["a misspelt field", { rules: [], output: [] }, "output"],
  ["rules that are no list", { rules: {} }, "rules"],
  ["a rule that is no object", { rules: ["a"] }, "rules[0]"],
  ["a rule without id", { rules: [{ type: "filter", params: { value: "x" } }] }, "rules[0] id"],
  ["an empty id", rule({ id: "" }), "rules[0] id"],
  ["an unknown rule type", rule({ type: "filtre" }), 'rules[0] "a" type'],
  ["a misspelt field of a rule", rule({ enable: false }), 'rules[0] "a" enable'],
  ["an unknown mode", rule({ mode: "dry" }), 'rules[0] "a" mode'],
  ["a misspelt parameter", rule({ params: { value: "X", ignorecase: true } }), 'rules[0] "a" params.ignorecase'],
  ["a parameter of another type", rule({ params: { value: 7 } }), 'rules[0] "a" params.value'],
  ["a filter without condition", rule({ params: {} }), 'rules[0] "a" params'],
  ["a filter with two", rule({ params: { value: "a", pattern: "b" } }), 'rules[0] "a" params'],
  ["a field without operator", rule({ params: { field: "a" } }), 'rules[0] "a" params'],
  ["an operator without field", rule({ params: { value: "a", equals: "b" } }), 'rules[0] "a" params.equals'],
  ["a condition of two questions", rule({ when: { value: "a", transport: "tcp" } }), 'rules[0] "a" when'],
  ["a stranger in a condition", rule({ when: { all: [{ valeu: "a" }] } }), 'rules[0] "a" when.all[0].valeu'],
  ["a severity that is none", rule({ when: { severity: { at_least: "BAD" } } }), 'rules[0] "a" when.severity.at_least'],
  ["a rate above all", { rules: [{ id: "a", type: "sample", params: { rate: 1.5 } }] }, 'rules[0] "a" params.rate'],
  ["an unknown output type", output({ type: "kafka" }), "outputs[0].type"],
  ["an output without type", output({ url: "http://a" }), "outputs[0].type"],
  ["an output without its URL", output({ type: "http" }), "outputs[0].url"],
  ["a field of another output", output({ type: "console", url: "http://a" }), "outputs[0].url"],
  ["a misspelt field within", output({ type: "http", url: "http://a", retry: { atempts: 1 } }), "outputs[0]"],
  [
    "a filter of nothing",
    output({ type: "http", url: "http://a", filter: { nothing: 1 } }),
    "outputs[0] filter.nothing",
  ],
  ["an id that is no file name", output({ type: "console", id: "../x" }), "outputs[0].id"],
  ["a batch of none", { rules: [], batch_size: 0 }, "batch_size"],
  ["a batch that is no number", { rules: [], batch_size: "many" }, "batch_size"],
];

/** Title, and what the reader alone can know. */
const readerOnly: readonly [string, unknown][] = [
  ["a pattern that RE2 refuses", rule({ params: { pattern: "[0-9" } })],
  ["two rules of one id", { rules: [...rule({}).rules, ...rule({}).rules] }],
  ["a route to an output that is not there", { rules: [{ id: "a", type: "route", params: { outputs: ["x"] } }] }],
];

describe("a configuration file", () => {
  it.each(good)("with %s is taken by reader and schema", (_, value) => {
    expect([validate(value), validate.errors]).toEqual([true, null]);
    expect(() => read(value)).not.toThrow();
  });

  it.each(mistakes)("with %s is refused by reader and schema", (_, value, where) => {
    expect(() => read(value)).toThrow(expect.objectContaining({ where: expect.stringContaining(where) }));
    expect(validate(value)).toBe(false);
  });

  it.each(readerOnly)("with %s is refused by the reader, which knows more than a schema can", (_, value) => {
    expect(() => read(value)).toThrow();
    expect(validate(value)).toBe(true);
  });

  it("may be a whole manifest, whose unknown fields are kept", () => {
    const manifest = {
      version: "7",
      owner: "me",
      pipelines: [{ processors: rule({}).rules, outputs: [], batch_size: 5 }],
    };
    const { configuration, manifest: whole } = read(manifest);
    expect(configuration).toMatchObject({ rules: [{ id: "a" }], outputs: [], batch_size: 5 });
    expect(whole).toMatchObject({ owner: "me" });
  });

  it("gets what it leaves out: no outputs, a batch of 100", () => {
    expect(read({ rules: [] })).toMatchObject({
      configuration: { rules: [], outputs: [], batch_size: 100 },
      warnings: [],
    });
  });
});
