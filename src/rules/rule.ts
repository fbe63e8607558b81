/** What a rule type is: its name on the wire, the schema of its parameters, its class, its checks, and what it compiles to. */

import type { ErrorCode } from "../errors.ts";
import type { Operation, RuleClass } from "../plan/operations.ts";
import type { PatternChecker } from "../plan/pattern.ts";
import { type Static, type TObject, type TSchema, Type } from "../typebox.ts";

/** A rule as the user writes it. Fields that this version does not know are kept, and written back. */
export interface Rule {
  readonly id: string;
  readonly type: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** False: the rule stays in its place and does nothing. Default true. */
  readonly enabled?: boolean;
  /** True: the rule is of class protect, never skipped under load. */
  readonly protect?: boolean;
  /** The records that the rule looks at: `readCondition` has taken it. Absent: all. */
  readonly when?: Readonly<Record<string, unknown>>;
  /** `shadow`: the rule only counts what it would do. Default `enforce`. */
  readonly mode?: "enforce" | "shadow";
  readonly [field: string]: unknown;
}

/** Why parameters that fit their schema are refused all the same. */
export interface Refusal {
  readonly code: ErrorCode;
  /** The parameter; absent: the parameters as a whole. */
  readonly param?: string;
  readonly what: string;
  readonly fix?: string;
}

/** An operation before it knows which rule it belongs to. */
export interface OperationPart extends Pick<Operation, "name" | "args" | "when"> {
  /** The pattern's matches have no upper length (promise P6). */
  readonly limited?: boolean;
}

export interface RuleType<P extends TObject = TObject> {
  readonly type: string;
  readonly description: string;
  /** Parameters; every one has a description, optional ones their default. */
  readonly params: P;
  /** Parameter objects that are accepted, for the documentation and its test. */
  readonly examples: readonly Static<P>[];
  /** What the rule is when nobody says `protect: true`. */
  readonly class: RuleClass;
  /** Checks what a schema cannot say. */
  refusal(params: Static<P>, check: PatternChecker): Refusal | undefined;
  /**
   * @param params accepted before: fits the schema, and `refusal` had nothing to say
   * @param outputs ids of the manifest's outputs, in order: an output's index is its bit in a record's routes
   * @param id the rule's, for what it writes
   */
  compile(params: Static<P>, outputs?: readonly (string | undefined)[], id?: string): readonly OperationPart[];
  /** Outputs that the parameters name: a manifest without one of them is refused. */
  outputs?(params: Static<P>): readonly string[];
  /** Of the parameters, what the rule's memory depends on: with another value it begins anew. Absent: it remembers nothing. */
  memory?(params: Static<P>): unknown;
}

/** A parameter of every type whose class is `reduce`; on the rule itself it means the same. */
export const protectParam = Type.Optional(
  Type.Boolean({ default: false, description: "Never skip this rule, whatever the load: it protects data." }),
);

/** Declares a rule type, its parameters typed by their schema. */
export function defineRule<P extends TObject>(ruleType: RuleType<P>): RuleType {
  return ruleType as unknown as RuleType;
}

/** Parameters as their schema wants them where text says the same: the original control plane writes all of them as strings. */
export function coerceParams(schema: TObject, params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params).map(([key, value]) => {
      const wanted = Object.hasOwn(schema.properties, key) ? (schema.properties[key] as TSchema) : undefined;
      return [key, wanted === undefined ? value : coerce(wanted, value)];
    }),
  );
}

function coerce(schema: TSchema, value: unknown): unknown {
  const { type } = schema as { type?: string };
  if (typeof value !== "string") return value;
  if (type === "boolean") return coerceBoolean(value);
  if ((type === "integer" || type === "number") && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  return value;
}

/** `"true"`, `"True"`, `"false"`, `"False"` (as Python writes them) as booleans; anything else as it is. */
export function coerceBoolean(value: unknown): unknown {
  if (value === "true" || value === "True") return true;
  if (value === "false" || value === "False") return false;
  return value;
}
