/** `compile`: rules or a manifest, checked as the control API checks them, ready for an engine. */

import { readFileSync } from "node:fs";
import { evaluate } from "../data/engine/evaluate.ts";
import { selectEngineNow } from "../data/engine/select.ts";
import { activePipeline, type OutputConfig, type Rule, readManifest, readRules } from "../manifest/manifest.ts";
import { type Weakening, weakenings } from "../manifest/weakened.ts";
import { refuseMetadataUrls } from "../outputs/metadata_urls.ts";
import { compilePlan } from "../plan/compile.ts";
import type { EvaluatedRecord, Evaluation } from "../plan/evaluation.ts";
import type { Plan } from "../plan/operations.ts";
import { resolveRuleKeys, withoutRuleKeys } from "../rules/secrets_of_rules.ts";

/** A manifest as somebody writes it: what `POST /publish` and `streamgate.json` take. Only the first pipeline runs. */
export interface ManifestInput {
  readonly version?: string | number;
  readonly timestamp?: string | number;
  readonly pipelines: readonly [PipelineInput, ...unknown[]] | readonly PipelineInput[];
  readonly [field: string]: unknown;
}

export interface PipelineInput {
  readonly name?: string;
  readonly processors?: readonly Rule[];
  readonly outputs?: readonly OutputConfig[];
  /** Records in one payload, at most: 1 to 10,000. Default 100. */
  readonly batch_size?: number;
  readonly [field: string]: unknown;
}

/** What rules come in: a list of rules, a whole manifest, or what `compile` made of either. */
export type RulesInput = readonly Rule[] | ManifestInput | CompiledRules;

export interface CompileOptions {
  /** Whose regular expressions check the patterns. Both accept the same. Default: native where it loads, else portable. */
  readonly engine?: "native" | "portable";
}

/** Rules that both engines run: checked, in one form, and immutable. Make one with `compile`. */
export class CompiledRules {
  /** The rules as they were read: known types, checked parameters, ids that differ; disabled ones too. */
  readonly rules: readonly Rule[];
  /** The outputs of a manifest, for `explain`; of a list of rules none. An engine in process has one output: what it returns. */
  readonly outputs: readonly OutputConfig[];
  /** Sentences for what is accepted and does nothing, such as a parameter that the rule's type does not have. */
  readonly warnings: readonly string[];
  readonly #engine: "native" | "portable" | undefined;

  /** Not public: `compile` makes one. @internal */
  constructor(
    read: { rules: readonly Rule[]; outputs: readonly OutputConfig[]; warnings: readonly string[] },
    engine: "native" | "portable" | undefined,
  ) {
    this.rules = read.rules;
    this.outputs = read.outputs;
    this.warnings = read.warnings;
    this.#engine = engine;
    Object.freeze(this);
  }

  /**
   * Tells what the rules do to single records, in their order: each runs by itself through an engine, and what a rule remembers of one
   * counts for the next. It costs some ten microseconds a record and is meant for hundreds of them, not for traffic.
   * @param records text, bytes, or bytes with their time and source
   * @returns one explanation a record. It holds the record's content: treat it as you would the record
   * @throws StreamGateError SG_RULE_SECRET when the key of a rule cannot be read
   */
  explain(records: readonly (string | Uint8Array | EvaluatedRecord)[]): readonly Evaluation[] {
    const { kind } = selectEngineNow(this.#engine, "compile options.engine");
    return evaluate(kind, planOf(this, this.outputs), records.map(asRecord));
  }

  /**
   * How these rules protect less than others, as `POST /publish` tells it: rules of class protect that are gone, switched off, in shadow,
   * or look at fewer records.
   * @param before the rules that run now
   * @returns in the order of `before`; empty: nothing is weakened
   * @throws StreamGateError when `before` is refused by `compile`
   */
  weakened(before: RulesInput): readonly Weakening[] {
    return weakenings(compile(before, this.#engine === undefined ? {} : { engine: this.#engine }).rules, this.rules);
  }
}

/**
 * Checks rules and makes them ready. What it accepts the control API accepts, and the other way round.
 * @param input a list of rules, or a manifest of which the first pipeline counts
 * @throws StreamGateError `code`, `where` (such as `rules[2] "mask" params.pattern`), `what` (RE2's own words where RE2 refuses) and `fix`
 * @example
 * const rules = compile([{ id: "drop_debug", type: "filter", params: { value: "DEBUG" } }]);
 * rules.explain(["DEBUG x"]); // [{ fate: "dropped", by: "drop_debug", … }]
 */
export function compile(input: RulesInput, options: CompileOptions = {}): CompiledRules {
  if (input instanceof CompiledRules) return input;
  const { kind } = selectEngineNow(options.engine, "compile options.engine");
  const check = (pattern: string) => kind.checkPattern(pattern);
  const read = Array.isArray(input) ? { ...readRules(input, check), outputs: [] } : readWhole(input, check);
  const compiled = new CompiledRules(read, options.engine);
  // What only a prepared engine can refuse is refused here, too.
  kind.prepare(compilePlan(withoutRuleKeys(compiled.rules), compiled.outputs)).close();
  return compiled;
}

function readWhole(input: unknown, check: Parameters<typeof readManifest>[1]) {
  const { manifest, warnings } = readManifest(input, check);
  const { processors, outputs } = activePipeline(manifest);
  for (const [index, output] of outputs.entries()) refuseMetadataUrls(output, `pipelines[0].outputs[${index}]`);
  return { rules: processors, outputs, warnings };
}

const read = { env: (name: string) => process.env[name], file: (path: string) => readFileSync(path, "utf8") };

/**
 * The plan that an engine runs, the keys of its rules read from where they stand.
 * @throws StreamGateError SG_RULE_SECRET
 */
export function planOf({ rules }: CompiledRules, outputs: readonly OutputConfig[] = []): Plan {
  return compilePlan(resolveRuleKeys(rules, read), outputs);
}

function asRecord(record: string | Uint8Array | EvaluatedRecord): EvaluatedRecord {
  if (typeof record === "string") return { bytes: Buffer.from(record) };
  return record instanceof Uint8Array ? { bytes: record } : record;
}
