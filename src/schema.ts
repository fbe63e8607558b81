/**
 * Checks a value against a TypeBox schema and says in plain words what does not fit, where, and what would.
 *
 * Rule types, outputs, the manifest and the control API all read what people wrote; this is how each of them answers. A schema may say in
 * `x-words` what its value is called (`an id of …`), where a pattern or a union would say it badly.
 */

import { Errors, type TSchema } from "./typebox.ts";

export interface Violation {
  /** Keys from the value's root to the part that does not fit; empty: the value itself. */
  readonly path: readonly string[];
  readonly what: string;
}

/** The first thing in `value` that does not fit `schema`, or undefined when all of it does. */
export function firstViolation(schema: TSchema, value: unknown): Violation | undefined {
  // What `Value.Errors` of typebox/value does, without the hundred modules that come with it.
  const [, errors] = Errors(schema, value);
  // A union reports each alternative before itself; the last error at the shallowest place is the one a person can use.
  const error = errors.find(({ keyword }) => keyword === "anyOf") ?? errors[0];
  if (error === undefined) return undefined;
  const path = error.instancePath.split("/").slice(1).map(unescapePointer);
  const at = valueAt(schema, value, path);
  if (error.keyword === "required") {
    const missing = (error.params as { requiredProperties?: string[] }).requiredProperties?.[0];
    if (missing !== undefined) return { path: [...path, missing], what: "is missing" };
  }
  if (error.keyword === "anyOf" && at.schema !== undefined) return { path, what: `must be ${wordsFor(at.schema)}` };
  if (error.keyword === "type") {
    const wanted = (error.params as { type?: string | string[] }).type;
    return { path, what: `must be ${article(wanted)}, not ${nameOf(at.value)}` };
  }
  if (error.keyword === "pattern" && typeof at.schema?.["x-words"] === "string") {
    return { path, what: `must be ${at.schema["x-words"]}` };
  }
  return { path, what: error.message.replace("not have fewer than 1 characters", "not be empty") };
}

/** A value without the null fields of its objects, at any depth: what the original control plane writes for absent fields. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  // fromEntries defines properties and never assigns, so a key such as __proto__ stays a plain key.
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null)
      .map(([key, field]) => [key, withoutNulls(field)]),
  );
}

/** An object with string keys; not null and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `a string`, `an integer`, `a list`: what a JSON value is called in a message. */
export function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "absent";
  if (Array.isArray(value)) return "a list";
  return article(typeof value);
}

/**
 * The path to a part of `value` whose text is not well-formed Unicode (a surrogate without its partner), which has no UTF-8
 * form and would reach an engine as something else than what was written.
 */
export function brokenText(value: unknown, path: readonly string[] = []): readonly string[] | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : path;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, field] of Object.entries(value)) {
    const found = key.isWellFormed() ? brokenText(field, [...path, key]) : path;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `params.headers["x-key"]`, `pipelines[0].name`: a path as people write it. */
export function placeOf(path: readonly string[], base = ""): string {
  return path.reduce((place, key) => {
    if (/^\d+$/.test(key)) return `${place}[${key}]`;
    if (/^[A-Za-z_]\w*$/.test(key)) return place === "" ? key : `${place}.${key}`;
    return `${place}[${JSON.stringify(key)}]`;
  }, base);
}

function wordsFor(schema: Record<string, unknown>): string {
  if (typeof schema["x-words"] === "string") return schema["x-words"];
  const alternatives = (schema.anyOf as Record<string, unknown>[] | undefined) ?? [schema];
  return alternatives
    .map((one) => ("const" in one ? JSON.stringify(one.const) : article(one.type as string | undefined)))
    .join(" or ");
}

function article(type: string | string[] | undefined): string {
  if (type === undefined) return "something else";
  if (Array.isArray(type)) return type.map((one) => article(one)).join(" or ");
  if (type === "array") return "a list";
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function valueAt(schema: unknown, value: unknown, path: readonly string[]) {
  let type = schema as Record<string, unknown> | undefined;
  let part = value;
  for (const key of path) {
    const properties = type?.properties as Record<string, Record<string, unknown>> | undefined;
    type = properties?.[key] ?? anyProperty(type) ?? (type?.items as Record<string, unknown> | undefined);
    part = (part as Record<string, unknown> | undefined)?.[key];
  }
  return { schema: type, value: part };
}

/** The schema of a record's values, as `Type.Record` writes it. */
function anyProperty(schema: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
  const patterns = schema?.patternProperties as Record<string, Record<string, unknown>> | undefined;
  return patterns === undefined ? undefined : Object.values(patterns)[0];
}

/**
 * The schema that says what a part of a value is: of a property by its name, of a record's values, of a list's items, of a union the
 * alternative that names the most of the value's keys. Undefined: nothing is said of it.
 */
export function schemaOfPart(schema: TSchema | undefined, value: unknown, key: string): TSchema | undefined {
  const at = alternativeFor(schema as Record<string, unknown> | undefined, value);
  const properties = at?.properties as Record<string, TSchema> | undefined;
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key];
  return (anyProperty(at) ?? at?.items) as TSchema | undefined;
}

function alternativeFor(schema: Record<string, unknown> | undefined, value: unknown) {
  const alternatives = schema?.anyOf as Record<string, unknown>[] | undefined;
  if (alternatives === undefined || !isRecord(value)) return schema;
  const named = ({ properties }: Record<string, unknown>) =>
    Object.keys(value).filter((key) => Object.hasOwn((properties as object | undefined) ?? {}, key)).length;
  return alternatives.toSorted((one, other) => named(other) - named(one))[0];
}

/** Paths of fields in `value`, at any depth, of which a closed list of properties in `schema` knows nothing, with what is known there. */
export function unknownFields(
  schema: TSchema,
  value: unknown,
  path: readonly string[] = [],
): { path: readonly string[]; known: readonly string[] }[] {
  if (typeof value !== "object" || value === null) return [];
  const at = alternativeFor(schema as unknown as Record<string, unknown>, value);
  const known = Object.keys((at?.properties as object | undefined) ?? {});
  return Object.entries(value).flatMap(([key, part]) => {
    const inner = schemaOfPart(schema, value, key);
    if (inner !== undefined) return unknownFields(inner, part, [...path, key]);
    // An object of which no property is named is free.
    return known.length === 0 ? [] : [{ path: [...path, key], known }];
  });
}

function unescapePointer(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}
