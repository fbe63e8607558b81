/**
 * The configuration file as JSON Schema (draft 2020-12), for editors: made from the schemas that read it, with what they leave to their
 * readers (which parameters go with which type, what a condition may hold) said in JSON Schema's words.
 *
 * It refuses nothing that `readConfiguration` takes, but for numbers and booleans written as text, and nulls. What no schema can say it takes:
 * a pattern that RE2 refuses, two rules of one id.
 */

import { caseKeys, conditionSchema, operators, questions } from "../conditions/condition.ts";
import { outputSchema, outputsMax, outputTypes } from "../outputs/index.ts";
import { ruleTypes } from "../rules/index.ts";
import { isRecord } from "../schema.ts";
import type { TObject, TSchema } from "../typebox.ts";
import { configurationSchema } from "./configuration.ts";
import { ruleSchema } from "./rule.ts";

type Schema = Record<string, unknown>;

const conditionReference = { $ref: "#/$defs/condition" };

export function configurationJsonSchema(): Schema {
  const { rules, outputs, ...rest } = closed(configurationSchema).properties as Record<string, Schema>;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "StreamGate configuration",
    description:
      "Rules and outputs of a gate, as `streamgate apply` publishes and `streamgate run --config` runs them.",
    type: "object",
    additionalProperties: false,
    required: ["rules"],
    properties: {
      ...rest,
      rules: { ...rules, items: { $ref: "#/$defs/rule" } },
      outputs: { ...outputs, items: { $ref: "#/$defs/output" }, maxItems: outputsMax },
    },
    $defs: {
      rule: byType(
        [...ruleTypes.values()].map(({ type, description, params, examples }) => ({
          type,
          description,
          fields: { params: { ...paramsOf(params), examples } },
          required: params.required ?? [],
        })),
      ),
      output: outputUnion(),
      condition: conditionOf({}),
    },
  };
}

interface Alternative {
  readonly type: string;
  readonly description: string;
  readonly fields: Schema;
  readonly required: readonly string[];
}

/** A rule: what all have in common, and by its type which parameters it takes. So that an editor names the parameter that is wrong. */
function byType(alternatives: readonly Alternative[]): Schema {
  const { properties, required } = closed(ruleSchema) as { properties: Record<string, Schema>; required: string[] };
  return {
    type: "object",
    additionalProperties: false,
    properties: { ...properties, type: typeOf(alternatives), when: described(properties.when, conditionReference) },
    // Parameters may be left out where none is asked for.
    required: required.filter((name) => name !== "params"),
    allOf: alternatives.map(({ type, fields, required: asked }) => ({
      if: { properties: { type: { const: type } }, required: ["type"] },
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word.
      then: { properties: fields, ...(asked.length > 0 && { required: ["params"] }) },
    })),
  };
}

/** An output: by its type which fields it takes. */
function outputUnion(): Schema {
  const alternatives = [...outputTypes.values()].map(({ type, description }) => ({ type, description }));
  return {
    type: "object",
    properties: { type: typeOf(alternatives) },
    required: ["type"],
    allOf: alternatives.map(({ type }) => {
      const { title: _, ...schema } = closed(outputSchema(type)!);
      const properties = schema.properties as Record<string, Schema>;
      return {
        if: { properties: { type: { const: type } }, required: ["type"] },
        // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word.
        then: {
          ...schema,
          properties: {
            ...properties,
            ...(properties.filter !== undefined && { filter: described(properties.filter, conditionReference) }),
          },
        },
      };
    }),
  };
}

function typeOf(alternatives: readonly { readonly type: string; readonly description: string }[]): Schema {
  return {
    type: "string",
    enum: alternatives.map(({ type }) => type),
    description: alternatives.map(({ type, description }) => `${type}: ${description}`).join("\n"),
  };
}

/** Parameters of a rule type; those of `filter` are a condition and more. */
function paramsOf(params: TObject): Schema {
  if (!Object.hasOwn(params.properties, "any")) return closed(params);
  const own = Object.entries(params.properties).filter(([name]) => !Object.hasOwn(conditionSchema.properties, name));
  return conditionOf(Object.fromEntries(own.map(([name, schema]) => [name, plain(schema)])));
}

/** @param more properties beside a condition's own */
function conditionOf(more: Record<string, unknown>): Schema {
  const { properties, description, examples } = closed(conditionSchema) as Record<string, Schema> & {
    properties: Schema;
  };
  const exactlyOne = (names: readonly string[]) => names.map((name) => ({ required: [name] }));
  return {
    type: "object",
    description,
    examples,
    additionalProperties: false,
    properties: {
      ...properties,
      all: { ...(properties.all as Schema), items: conditionReference },
      any: { ...(properties.any as Schema), items: conditionReference },
      not: described(properties.not as Schema, conditionReference),
      ...more,
    },
    oneOf: exactlyOne(questions),
    dependentSchemas: { ignore_case: { anyOf: exactlyOne([...caseKeys]) } },
    if: { anyOf: exactlyOne(["field", "path"]) },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word.
    then: { oneOf: exactlyOne(operators) },
    else: { not: { anyOf: exactlyOne(operators) } },
  };
}

function described(schema: Schema | undefined, reference: Schema): Schema {
  return { description: schema?.description, ...reference };
}

/** An object's schema in which every object that names its fields takes no others. */
function closed(schema: TSchema): Schema {
  return plain(schema) as Schema;
}

/** Without the marks that only this program reads, and without what only its symbols say. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([key]) => !key.startsWith("x-"));
  const copy = Object.fromEntries(
    entries.map(([key, part]) => [
      key,
      // Their keys are names, not words of JSON Schema; what they hold as data stays as it is.
      key === "properties" && isRecord(part)
        ? Object.fromEntries(Object.entries(part).map(([name, schema]) => [name, plain(schema)]))
        : key === "examples" || key === "default" || key === "const"
          ? part
          : plain(part),
    ]),
  );
  const names = isRecord(copy.properties) ? Object.keys(copy.properties) : [];
  return copy.type === "object" && names.length > 0 ? { ...copy, additionalProperties: false } : copy;
}
