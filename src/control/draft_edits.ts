/** What can be done to the draft, whoever asks: the REST routes, gRPC and the command line call the same. */

import { StreamGateError } from "../errors.ts";
import { batchSizeMax, batchSizeMin, type PatternChecker, type Rule, readRule } from "../manifest/manifest.ts";
import { destinationKey, idKey, type NamedOutput, withIds } from "../manifest/output_identity.ts";
import { type OutputConfig, outputsMax } from "../outputs/index.ts";
import { refuseMetadataUrls } from "../outputs/metadata_urls.ts";
import { readOutput } from "../outputs/read.ts";
import { maskSecrets, restoreSecrets } from "../outputs/secrets_of_config.ts";
import { isRecord } from "../schema.ts";
import type { Actor } from "./actor.ts";
import type { Audit, AuditAction } from "./audit.ts";
import { draftTag } from "./revision.ts";
import type { Draft, Store } from "./store.ts";

export interface Edit {
  readonly actor: Actor;
  /** As in the header If-Match. When it names another state, the call is refused with SG_CHANGED. */
  readonly ifMatch?: string | undefined;
}

/** An output as it may be shown, and what is allowed and unwise about it. */
export interface EditedOutput {
  readonly output: OutputConfig;
  readonly warnings: readonly string[];
}

interface DraftContext {
  readonly store: Store;
  readonly check: PatternChecker;
  readonly audit: Audit;
  readonly allowMetadataOutputs?: boolean;
}

export class DraftEdits {
  readonly #store: Store;
  readonly #check: PatternChecker;
  readonly #audit: Audit;
  readonly #allowMetadataOutputs: boolean;

  constructor({ store, check, audit, allowMetadataOutputs = false }: DraftContext) {
    this.#store = store;
    this.#check = check;
    this.#audit = audit;
    this.#allowMetadataOutputs = allowMetadataOutputs;
  }

  /**
   * Entity tag of the draft as it is now. Read at once when a write has resolved it is of that write: the next one changes nothing before
   * it has been to the disk.
   */
  get tag(): string {
    return draftTag(this.#store.revision);
  }

  rules(): readonly Rule[] {
    return this.#store.draft.rules;
  }

  /**
   * @param before id of the rule to insert before; absent: at the end
   * @throws StreamGateError SG_RULE_DUPLICATE, SG_RULE_MISSING, and what `readRule` throws
   */
  async addRule(raw: unknown, edit: Edit & { readonly before?: string | undefined }): Promise<Rule> {
    const rule = readRuleStrictly(raw, this.#check);
    const { before } = edit;
    const what = () => ({ rule: rule.id, type: rule.type, ...(before !== undefined && { before }) });
    await this.#change(edit, "rule_add", what, (draft) => {
      if (draft.rules.some(({ id }) => id === rule.id)) {
        throw new StreamGateError("SG_RULE_DUPLICATE", {
          where: "id",
          what: `a rule ${JSON.stringify(rule.id)} exists already`,
          fix: "choose another id, or replace that rule with PUT /rules/{id}",
        });
      }
      const at = before === undefined ? draft.rules.length : ruleIndex(draft.rules, before, "before");
      return { ...draft, rules: draft.rules.toSpliced(at, 0, rule) };
    });
    return rule;
  }

  /** In its place. @param raw may leave the id out @throws StreamGateError SG_RULE_MISSING, and what `readRule` throws */
  async replaceRule(id: string, raw: unknown, edit: Edit): Promise<Rule> {
    ruleIndex(this.#store.draft.rules, id, "id");
    const rule = readRuleStrictly(isRecord(raw) && raw.id == null ? { id, ...withoutId(raw) } : raw, this.#check);
    if (rule.id !== id) {
      throw new StreamGateError("SG_RULE_PARAMS", {
        where: "id",
        what: `${JSON.stringify(rule.id)} is not the id in the path, ${JSON.stringify(id)}`,
        fix: "leave it out, or make them the same",
      });
    }
    await this.#change(
      edit,
      "rule_replace",
      () => ({ rule: id, type: rule.type }),
      (draft) => ({ ...draft, rules: draft.rules.with(ruleIndex(draft.rules, id, "id"), rule) }),
    );
    return rule;
  }

  /** @throws StreamGateError SG_RULE_MISSING */
  async removeRule(id: string, edit: Edit): Promise<void> {
    await this.#change(
      edit,
      "rule_remove",
      () => ({ rule: id }),
      (draft) => ({ ...draft, rules: draft.rules.toSpliced(ruleIndex(draft.rules, id, "id"), 1) }),
    );
  }

  /** As they may be shown. */
  outputs(): readonly OutputConfig[] {
    return this.#store.draft.outputs.map(maskSecrets);
  }

  /** As it may be shown. @throws StreamGateError SG_OUTPUT_MISSING */
  output(id: string): OutputConfig {
    return maskSecrets(this.outputWithSecrets(id));
  }

  /** @throws StreamGateError SG_OUTPUT_MISSING */
  outputWithSecrets(id: string): NamedOutput {
    return this.#store.draft.outputs[outputIndex(this.#store.draft.outputs, id)]!;
  }

  /** @throws StreamGateError SG_OUTPUT_DUPLICATE, SG_OUTPUT_COUNT, and what `readOutput` throws */
  async addOutput(raw: unknown, edit: Edit): Promise<EditedOutput> {
    const { output, warnings } = this.#readOutput(raw);
    const what = ({ outputs }: Draft) => ({ output: outputs.at(-1)!.id, type: output.type });
    const draft = await this.#change(edit, "output_add", what, (draft) => {
      refuseDuplicate(draft.outputs, output);
      if (draft.outputs.length >= outputsMax) {
        throw new StreamGateError("SG_OUTPUT_COUNT", {
          where: "outputs",
          what: `there are ${outputsMax} already, the most that a record can be routed to`,
          fix: "remove one with DELETE /outputs/{id}, or run a second gate behind one of them",
        });
      }
      return { ...draft, outputs: withIds([...draft.outputs, output]) };
    });
    return { output: maskSecrets(draft.outputs.at(-1)!), warnings };
  }

  /** In its place. A secret that is given as it was shown stays what it is, as long as the destination does. */
  async replaceOutput(id: string, raw: unknown, edit: Edit): Promise<EditedOutput> {
    const read = (stored: NamedOutput) => {
      const restored = restoreSecrets(raw, stored);
      const { output, warnings } = this.#readOutput(
        isRecord(restored) && restored.id == null ? { ...restored, id: stored.id } : restored,
      );
      if (output.id === stored.id) return { output: output as NamedOutput, warnings };
      throw new StreamGateError("SG_OUTPUT_PARAMS", {
        where: "id",
        what: `${JSON.stringify(output.id)} is not the id in the path, ${JSON.stringify(id)}`,
        fix: "leave it out, or make them the same",
      });
    };
    let warned: readonly string[] = [];
    const what = ({ outputs }: Draft) => ({ output: id, type: outputs[outputIndex(outputs, id)]!.type });
    const draft = await this.#change(edit, "output_replace", what, (draft) => {
      const index = outputIndex(draft.outputs, id);
      const { output, warnings } = read(draft.outputs[index]!);
      refuseDuplicate(draft.outputs.toSpliced(index, 1), output);
      warned = warnings;
      return { ...draft, outputs: draft.outputs.with(index, output) };
    });
    return { output: maskSecrets(draft.outputs[outputIndex(draft.outputs, id)]!), warnings: warned };
  }

  /** @throws StreamGateError SG_OUTPUT_MISSING */
  async removeOutput(id: string, edit: Edit): Promise<void> {
    await this.#change(
      edit,
      "output_remove",
      () => ({ output: id }),
      (draft) => ({ ...draft, outputs: draft.outputs.toSpliced(outputIndex(draft.outputs, id), 1) }),
    );
  }

  async clearOutputs(edit: Edit): Promise<void> {
    let removed: readonly string[] = [];
    const what = () => ({ outputs: removed });
    await this.#change(edit, "outputs_clear", what, (draft) => {
      removed = draft.outputs.map(({ id }) => id);
      return { ...draft, outputs: [] };
    });
  }

  get batchSize(): number {
    return this.#store.draft.batch_size;
  }

  /** @param raw a whole number, or its digits @throws StreamGateError SG_MANIFEST */
  async setBatchSize(raw: unknown, edit: Edit): Promise<number> {
    const size = readSize(raw);
    await this.#change(
      edit,
      "batch_size",
      () => ({ batch_size: size }),
      (draft) => ({ ...draft, batch_size: size }),
    );
    return size;
  }

  #readOutput(raw: unknown): { output: OutputConfig; warnings: readonly string[] } {
    const read = readOutputStrictly(raw, this.#check);
    if (!this.#allowMetadataOutputs) refuseMetadataUrls(read.output);
    return read;
  }

  /** @param what ids and kinds, of the draft as it will be: the change is in the audit file before it takes effect */
  #change(
    { actor, ifMatch }: Edit,
    action: AuditAction,
    what: (next: Draft) => Record<string, unknown>,
    edit: (draft: Draft) => Draft,
  ): Promise<Draft> {
    return this.#store.change(edit, ifMatch, (next) => this.#audit.append([{ action, what: what(next), who: actor }]));
  }
}

/** A parameter that no type knows is a slip of the pen here; a reader of other programs' manifests only warns of it. */
function readRuleStrictly(raw: unknown, check: PatternChecker): Rule {
  const warnings: string[] = [];
  const rule = readRule(raw, "", check, warnings);
  // Clients resolve these two in a path before they send it (RFC 3986 section 5.2.4), so the rule could not be deleted.
  if (rule.id === "." || rule.id === "..") {
    throw new StreamGateError("SG_RULE_PARAMS", {
      where: "id",
      what: `${JSON.stringify(rule.id)} cannot stand in the path /rules/{id}`,
      fix: "choose a name",
    });
  }
  if (warnings.length === 0) return rule;
  const [where, what] = splitPlace(warnings[0]!);
  throw new StreamGateError("SG_RULE_PARAMS", { where, what });
}

/** A field that the type does not know is a slip of the pen here too. */
function readOutputStrictly(
  raw: unknown,
  check: PatternChecker,
): { output: OutputConfig; warnings: readonly string[] } {
  const [warnings, unknown]: [string[], string[]] = [[], []];
  const output = readOutput(raw, "", warnings, unknown, check);
  if (unknown.length === 0) return { output, warnings };
  const [where, what] = splitPlace(unknown[0]!);
  throw new StreamGateError("SG_OUTPUT_PARAMS", { where, what });
}

function splitPlace(warning: string): [string, string] {
  const colon = warning.indexOf(": ");
  return [warning.slice(0, colon), warning.slice(colon + 2)];
}

function withoutId({ id: _, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest;
}

function refuseDuplicate(others: readonly NamedOutput[], output: OutputConfig): void {
  const key = destinationKey(output);
  const same = others.find((other) => destinationKey(other) === key);
  if (same !== undefined) {
    throw new StreamGateError("SG_OUTPUT_DUPLICATE", {
      what: `this ${output.type} output is configured already as ${JSON.stringify(same.id)}, and every record would leave twice`,
      fix: "GET /outputs lists them",
    });
  }
  if (typeof output.id !== "string") return;
  const wanted = idKey(output.id);
  const namesake = others.find(({ id }) => idKey(id) === wanted);
  if (namesake !== undefined) {
    throw new StreamGateError("SG_OUTPUT_DUPLICATE", {
      where: "id",
      what: `an output ${JSON.stringify(namesake.id)} exists already`,
      fix: "choose another id, or replace that output with PUT /outputs/{id}",
    });
  }
}

function readSize(value: unknown): number {
  const size = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof size === "number" && Number.isInteger(size) && size >= batchSizeMin && size <= batchSizeMax) return size;
  throw new StreamGateError("SG_MANIFEST", {
    where: "size",
    what: value === undefined || value === null ? "is missing" : "is no whole number in range",
    fix: `give a whole number from ${batchSizeMin} to ${batchSizeMax}, as ?size=100 or {"size":100}`,
  });
}

function ruleIndex(rules: readonly Rule[], id: string, where: string): number {
  const index = rules.findIndex((rule) => rule.id === id);
  if (index !== -1) return index;
  throw new StreamGateError("SG_RULE_MISSING", {
    where,
    what: `no rule has the id ${JSON.stringify(id)}`,
    fix: "GET /rules lists them",
  });
}

function outputIndex(outputs: readonly NamedOutput[], id: string): number {
  const index = outputs.findIndex((output) => output.id === id);
  if (index !== -1) return index;
  throw new StreamGateError("SG_OUTPUT_MISSING", {
    where: "id",
    what: `no output has the id ${JSON.stringify(id)}`,
    fix: "GET /outputs lists them",
  });
}
