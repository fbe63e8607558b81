/**
 * The operation table: what a plan may ask of an engine. Plain data, the same for both engines.
 *
 * A new operation is a row here, one file in each engine, and its conformance vectors.
 */

export const operationCode = {
  /** args: literal. Drops a record that contains it, byte for byte. */
  dropLiteral: 1,
  /** args: pattern. Drops a record in which RE2 finds it. */
  dropPattern: 2,
  /**
   * args: pattern, rewrite. Replaces every match as RE2::GlobalReplace does. With the flag `limited`, at most
   * matchBudgetBytes ÷ (bytes of the text it sees, at least 1) matches are made; one more and the record is quarantined.
   */
  replacePattern: 3,
  /**
   * args: operator (one byte: attributeOperator), value, then one argument a path: its keys, each as u32 length + bytes.
   * Drops a JSON record in which the first path that exists leads to a scalar that the operator accepts.
   */
  dropAttribute: 4,
} as const;
export type OperationName = keyof typeof operationCode;

export const operationFlag = {
  /** The rule is of class protect: never skipped, whatever the load (promise P1). */
  protect: 1,
  /** The pattern's matches have no upper length (promise P6). */
  limited: 2,
} as const;

/** Most keys in a path of dropAttribute: an engine's walk recurses once a key, along the plan and never along the record. */
export const attributeKeysMax = 100;

export const attributeOperator = { equals: 0, contains: 1, regex: 2 } as const;
export type AttributeOperator = keyof typeof attributeOperator;

export interface Operation {
  readonly name: OperationName;
  /** Index into `Plan.rules`: who is counted. */
  readonly rule: number;
  /** Sum of operationFlag. */
  readonly flags: number;
  /** Argument bytes, as the table says. Patterns and literals are UTF-8. */
  readonly args: readonly Uint8Array[];
}

export type RuleClass = "reduce" | "protect";

export interface PlanRule {
  readonly id: string;
  readonly type: string;
  readonly class: RuleClass;
}

/** Which records an output gets: those for which its condition holds, looked at on the final record. Never skipped (promise P1). */
export interface Route {
  /** Bit in a batch entry's routes: the output's index in the manifest. */
  readonly output: number;
  readonly condition: Condition;
}

/** A condition over one record, as engines evaluate it. Texts are UTF-8 bytes; patterns are RE2's. */
export type Condition =
  | { readonly kind: "all" | "any"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: Condition }
  /** Contains it, byte for byte. */
  | { readonly kind: "literal"; readonly literal: Uint8Array }
  | { readonly kind: "pattern"; readonly pattern: Uint8Array }
  /** As dropAttribute: `args` are its arguments. */
  | { readonly kind: "attribute"; readonly args: readonly Uint8Array[] };

/** What the rules of a manifest compile to. */
export interface Plan {
  readonly rules: readonly PlanRule[];
  readonly operations: readonly Operation[];
  /** One for each output that has a filter, ascending; the others get every record. Absent: every output gets every record. */
  readonly routes?: readonly Route[];
}
