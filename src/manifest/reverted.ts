/**
 * What a data plane runs when it goes back from a version by itself: that version's protect rules and routes, with the reduce rules, and
 * if they are to blame the outputs, of the one before. Whatever the two versions say, nothing leaves that the later one holds back.
 *
 * - Rules that protect or route stay as they are in the later version, in its order, in shadow or switched off if they are so there.
 * - A reduce rule of the later version becomes the earlier version's rule of that id, in its place; one that is new is gone. Where the
 *   earlier one protected and the later one does not, the earlier one comes back: it protects more.
 * - A reduce rule that the later version had removed runs in front of all: what it makes (summaries) passes every rule that protects.
 * - An output that both have becomes the earlier one, and gets only what the filters of both let through.
 * - An output that is new is gone, unless a route names it. Outputs that the later version had removed come back in its stead, for no more
 *   records than it would have been sent. Where it took no new output's place, a removed output stays removed.
 * - Outputs go back only where no rule protects less than in the earlier version: what that sent them was held back by rules which are
 *   there still.
 */

import { classOf } from "../plan/compile.ts";
import { ruleTypes } from "../rules/index.ts";
import type { Rule } from "../rules/rule.ts";
import { canonical } from "./canonical.ts";
import { activePipeline, type Manifest, type OutputConfig } from "./manifest.ts";
import { withIds } from "./output_identity.ts";
import { weakenings } from "./weakened.ts";

export interface Going {
  /** Whether going back changes anything. */
  readonly rules: boolean;
  readonly outputs: boolean;
}

export interface WentBack {
  /** Of the later version's number; to be read by `readManifest`, which knows the outputs that rules name. */
  readonly manifest: Manifest;
  readonly changed: Going;
}

/** @param outputs whether outputs are to go back too, where that is safe */
export function reverted(before: Manifest, after: Manifest, { outputs }: { outputs: boolean }): WentBack {
  const [earlier, later] = [activePipeline(before), activePipeline(after)];
  const processors = revertedRules(earlier.processors, later.processors);
  const safe = weakenings(earlier.processors, processors).length === 0;
  const [was, is] = [withIds(earlier.outputs), withIds(later.outputs)];
  const back = outputs && safe ? revertedOutputs(was, is, namedBy(processors)) : is;
  const changed = {
    rules: canonical(processors) !== canonical(later.processors),
    outputs: canonical(back) !== canonical(is),
  };
  const pipeline = { ...later, processors, outputs: back };
  return { manifest: { ...after, pipelines: [pipeline, ...after.pipelines.slice(1)] }, changed };
}

/**
 * Ids of reduce rules of `after` that are new or others than in `before`.
 * @param tried what ran last, if that is another: a rule that it, or `before`, had in shadow and that is else the same is no other
 */
export function changedReduceRules(before: Manifest, after: Manifest, tried: Manifest = before): ReadonlySet<string> {
  const was = new Map(activePipeline(before).processors.map((rule) => [rule.id, withoutMode(rule)]));
  const shadows = activePipeline(tried).processors.filter(({ mode }) => mode === "shadow");
  const shadowed = new Map(shadows.map((rule) => [rule.id, withoutMode(rule)]));
  const changed = activePipeline(after).processors.filter((rule) => {
    const now = withoutMode(rule);
    return !stays(rule) && was.get(rule.id) !== now && shadowed.get(rule.id) !== now;
  });
  return new Set(changed.map(({ id }) => id));
}

function withoutMode({ mode: _, ...rule }: Rule): string {
  return canonical(rule);
}

/** Ids of outputs of `after` that are new or others than in `before`. */
export function changedOutputs(before: Manifest, after: Manifest): ReadonlySet<string> {
  const was = new Map(withIds(activePipeline(before).outputs).map((output) => [output.id, canonical(output)]));
  const is = withIds(activePipeline(after).outputs);
  return new Set(is.filter((output) => was.get(output.id) !== canonical(output)).map(({ id }) => id));
}

/** Ids of rules that protect or route, whether they are enforced or not. */
export function stayingRules(manifest: Manifest): ReadonlySet<string> {
  return new Set(
    activePipeline(manifest)
      .processors.filter(stays)
      .map(({ id }) => id),
  );
}

function revertedRules(before: readonly Rule[], after: readonly Rule[]): readonly Rule[] {
  const was = new Map(before.map((rule) => [rule.id, rule]));
  const is = new Set(after.map(({ id }) => id));
  const removed = before.filter((rule) => !is.has(rule.id) && !stays(rule));
  const kept = after.flatMap((rule) => (stays(rule) ? [rule] : (was.get(rule.id) ?? [])));
  return [...removed, ...kept];
}

/** A type that nobody knows cannot be told to be harmless. */
function stays(rule: Rule): boolean {
  const ruleType = ruleTypes.get(rule.type);
  return ruleType === undefined || ruleType.outputs !== undefined || classOf(rule, ruleType) === "protect";
}

type Named = OutputConfig & { readonly id: string };

function revertedOutputs(
  before: readonly Named[],
  after: readonly Named[],
  named: ReadonlySet<string>,
): readonly Named[] {
  const was = new Map(before.map((output) => [output.id, output]));
  const is = new Set(after.map(({ id }) => id));
  const gone = after.filter(({ id }) => !was.has(id) && !named.has(id));
  const kept = after.filter((output) => !gone.includes(output));
  const back = kept.map((output) => {
    const former = was.get(output.id);
    return former === undefined ? output : withFilters(former, [former.filter, output.filter]);
  });
  if (gone.length === 0) return back;
  const removed = before.filter(({ id }) => !is.has(id));
  // One of them had no filter: it would have been sent everything.
  const filters = gone.map(({ filter }) => filter);
  const stead = filters.includes(undefined) ? undefined : filters.length === 1 ? filters[0] : { any: filters };
  return [...back, ...removed.map((output) => withFilters(output, [output.filter, stead]))];
}

/** The output, for records that every filter lets through. */
function withFilters({ filter: _, ...output }: Named, filters: readonly unknown[]): Named {
  const given = new Map(filters.filter((filter) => filter !== undefined).map((filter) => [canonical(filter), filter]));
  const [...each] = given.values();
  if (each.length === 0) return output as Named;
  return { ...output, filter: each.length === 1 ? each[0] : { all: each } } as Named;
}

/** Outputs that rules name, whether they are enforced or not. */
function namedBy(rules: readonly Rule[]): ReadonlySet<string> {
  return new Set(rules.flatMap(({ type, params }) => ruleTypes.get(type)?.outputs?.(params as never) ?? []));
}
