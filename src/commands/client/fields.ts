/** `value=DEBUG detectors=us_ssn,credit_card when={"severity":…}`: fields of a rule or an output as they stand on a command line. */

import { StreamGateError } from "../../errors.ts";
import { parseJson } from "../../json.ts";
import type { TObject } from "../../typebox.ts";

/**
 * Each field as its schema wants it: a list may be written with commas, numbers and booleans as they are, lists and objects as JSON.
 * What the schema does not know is sent as text: the control API says what it thinks of that.
 * @throws StreamGateError SG_INPUT naming the argument
 */
export function readFields(schema: TObject | undefined, given: readonly string[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const one of given) {
    const equals = one.indexOf("=");
    if (equals < 1)
      throw unfit(
        one,
        "is no field",
        "write name=value, such as value=DEBUG, and put it between quotes where it has spaces",
      );
    const name = one.slice(0, equals);
    if (Object.hasOwn(fields, name)) throw unfit(name, "is given twice", "give it once; a list is written with commas");
    fields[name] = readField(schema?.properties[name], name, one.slice(equals + 1));
  }
  return fields;
}

function readField(schema: unknown, name: string, text: string): unknown {
  const kinds = kindsOf(schema);
  if (/^\s*[[{]/.test(text) && (kinds.size === 0 || kinds.has("array") || kinds.has("object"))) {
    try {
      return parseJson(text);
    } catch (error) {
      // A text may begin so, too, where the field may be one: a pattern [0-9] is none of JSON's lists.
      if (!kinds.has("string") && kinds.size > 0) throw unfit(name, (error as Error).message, "write it as JSON");
      return text;
    }
  }
  if (kinds.has("string")) return text;
  if (kinds.has("boolean") && /^(true|false)$/.test(text)) return text === "true";
  if ((kinds.has("number") || kinds.has("integer")) && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (kinds.has("array")) return text.split(",").map((part) => part.trim());
  return text;
}

/** JSON types that a schema takes. */
function kindsOf(schema: unknown): Set<string> {
  const { type, anyOf, const: constant } = (schema ?? {}) as { type?: string; anyOf?: unknown[]; const?: unknown };
  if (anyOf !== undefined) return new Set(anyOf.flatMap((one) => [...kindsOf(one)]));
  if (type !== undefined) return new Set([type]);
  return constant === undefined ? new Set() : new Set([typeof constant]);
}

function unfit(where: string, what: string, fix: string): StreamGateError {
  return new StreamGateError("SG_INPUT", { where, what, fix });
}
