/** Keys that rules name by where they stand: read by the data plane, never stored, shown or logged. */

import { StreamGateError } from "../errors.ts";
import type { SecretReader } from "../outputs/secrets_of_config.ts";
import { isRecord } from "../schema.ts";
import type { Rule } from "./rule.ts";

/** Shorter keys can be guessed by whoever has a few values and their hashes. */
const keyBytesMin = 16;

/** A key that was read, in the place of its reference: no schema takes it, so no configuration can hold one. */
class ResolvedKey {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  /** Whatever prints a rule does not print its key. */
  toJSON(): string {
    return "***";
  }
}

/**
 * The rules with each key reference replaced by the key: what a plan is compiled from.
 * @throws StreamGateError SG_RULE_SECRET naming the rule and the variable or file, never the key
 */
export function resolveRuleKeys(rules: readonly Rule[], read: SecretReader): Rule[] {
  return rules.map((rule) => {
    const { key } = rule.params;
    if (rule.type !== "redact" || rule.enabled === false || !isRecord(key)) return rule;
    return { ...rule, params: { ...rule.params, key: readKey(key as { env?: string; file?: string }, rule.id, read) } };
  });
}

function readKey({ env, file }: { env?: string; file?: string }, id: string, read: SecretReader): ResolvedKey {
  const source = env !== undefined ? `environment variable ${env}` : `file ${file}`;
  const refused = (what: string, cause?: unknown) =>
    new StreamGateError(
      "SG_RULE_SECRET",
      {
        where: `rule ${JSON.stringify(id)} params.key`,
        what: `${source} ${what}`,
        fix: `give the data plane's process a key of at least ${keyBytesMin} bytes there`,
      },
      { cause },
    );
  let text: string | undefined;
  try {
    text = env !== undefined ? read.env(env) : read.file(file!);
  } catch (error) {
    throw refused("cannot be read", error);
  }
  if (text === undefined) throw refused("is not set");
  // Editors and `kubectl create secret --from-file` end a file with a newline that belongs to no key.
  text = text.replace(/\r?\n$/, "");
  if (Buffer.byteLength(text) < keyBytesMin) throw refused(`holds less than ${keyBytesMin} bytes`);
  return new ResolvedKey(text);
}

/** Puts a key that hashes nothing in the place of each reference: for who only asks whether rules compile. */
export function withoutRuleKeys(rules: readonly Rule[]): Rule[] {
  const any = "0".repeat(keyBytesMin);
  return resolveRuleKeys(rules, { env: () => any, file: () => any });
}

/** @throws Error when the key has not been read: hashing with none would protect nothing */
export function resolvedKey(key: unknown): string {
  if (key instanceof ResolvedKey) return key.text;
  throw new Error("a rule's plan was compiled before its key was read");
}
