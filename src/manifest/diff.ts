/** What another manifest says differently: rules and outputs by their ids, settings by their names. Secrets are shown as `***`. */

import type { OutputConfig } from "../outputs/output.ts";
import { maskSecrets } from "../outputs/secrets_of_config.ts";
import type { Rule } from "../rules/rule.ts";
import { canonical } from "./canonical.ts";
import { activePipeline, type Manifest } from "./manifest.ts";
import { withIds } from "./output_identity.ts";

export interface Changed<T> {
  readonly id: string;
  /** Names of the fields that differ, of `params` with a dot: `params.pattern`. One may be a secret, so that it looks the same in both. */
  readonly fields: readonly string[];
  readonly before: T;
  readonly after: T;
}

export interface Moved {
  readonly id: string;
  /** Indexes in the list before and the list after. */
  readonly from: number;
  readonly to: number;
}

export interface ListDiff<T> {
  /** With its index in the list after. */
  readonly added: readonly { readonly at: number; readonly item: T }[];
  readonly removed: readonly T[];
  readonly changed: readonly Changed<T>[];
  /** The fewest that must move for the others to stay in order. */
  readonly moved: readonly Moved[];
}

export interface SettingChange {
  /** `batch_size`; of a field that nobody knows where it stands: `pipelines[0].owner`. */
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface ManifestDiff {
  readonly same: boolean;
  readonly rules: ListDiff<Rule>;
  readonly outputs: ListDiff<OutputConfig>;
  readonly settings: readonly SettingChange[];
}

/** What each publication gives a manifest anew. */
const ownFields = ["version", "timestamp", "revert"];

export function diffManifests(before: Manifest, after: Manifest): ManifestDiff {
  const [from, to] = [activePipeline(before), activePipeline(after)];
  const rules = diffLists(from.processors, to.processors, (rule) => rule);
  const outputs = diffLists(withIds(from.outputs), withIds(to.outputs), maskSecrets);
  const settings = [
    ...diffFields(from, to, ["processors", "outputs"], (field) =>
      field === "batch_size" || field === "name" ? field : `pipelines[0].${field}`,
    ),
    ...diffFields(before, after, ["pipelines", ...ownFields], (field) => field),
    ...diffFields(
      before.pipelines.slice(1),
      after.pipelines.slice(1),
      [],
      (index) => `pipelines[${Number(index) + 1}]`,
    ),
  ];
  const same = isSame(rules) && isSame(outputs) && settings.length === 0;
  return { same, rules, outputs, settings };
}

function diffLists<T extends { readonly id: string }, Shown>(
  before: readonly T[],
  after: readonly T[],
  show: (item: T) => Shown,
): ListDiff<Shown> {
  const was = new Map(before.map((item, at) => [item.id, { item, at }]));
  const is = new Map(after.map((item, at) => [item.id, { item, at }]));
  const stayed = after.filter(({ id }) => was.has(id));
  const inOrder = longestRising(stayed.map(({ id }) => was.get(id)!.at));
  return {
    added: after.flatMap((item, at) => (was.has(item.id) ? [] : [{ at, item: show(item) }])),
    removed: before.filter(({ id }) => !is.has(id)).map(show),
    changed: stayed.flatMap((item) => {
      const { item: former } = was.get(item.id)!;
      const fields = differing(former, item);
      return fields.length === 0 ? [] : [{ id: item.id, fields, before: show(former), after: show(item) }];
    }),
    moved: stayed.flatMap(({ id }, index) =>
      inOrder.has(index) ? [] : [{ id, from: was.get(id)!.at, to: is.get(id)!.at }],
    ),
  };
}

function isSame({ added, removed, changed, moved }: ListDiff<unknown>): boolean {
  return added.length + removed.length + changed.length + moved.length === 0;
}

function differing(before: object, after: object): readonly string[] {
  return diffFields(before, after, ["id"], (field) => field).flatMap(({ field, before: was, after: is }) =>
    field === "params" && was !== undefined && is !== undefined
      ? diffFields(was as object, is as object, [], (name) => `params.${name}`).map((one) => one.field)
      : [field],
  );
}

function diffFields(
  before: object,
  after: object,
  apart: readonly string[],
  name: (field: string) => string,
): readonly SettingChange[] {
  const [was, is] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((field) => !apart.includes(field))
    .flatMap((field) => {
      const [former, now] = [was.get(field), is.get(field)];
      if (former !== undefined && now !== undefined && canonical(former) === canonical(now)) return [];
      return [
        {
          field: name(field),
          ...(former !== undefined && { before: former }),
          ...(now !== undefined && { after: now }),
        },
      ];
    });
}

/** Of a list of different numbers, the indexes of a longest part that rises. Quadratic: lists have a thousand entries at most. */
function longestRising(numbers: readonly number[]): ReadonlySet<number> {
  const lengths: number[] = [];
  const previous: number[] = [];
  let last = -1;
  for (const [index, number] of numbers.entries()) {
    lengths[index] = 1;
    previous[index] = -1;
    for (let before = 0; before < index; before++)
      if (numbers[before]! < number && lengths[before]! + 1 > lengths[index]!) {
        lengths[index] = lengths[before]! + 1;
        previous[index] = before;
      }
    if (last === -1 || lengths[index]! > lengths[last]!) last = index;
  }
  const kept = new Set<number>();
  for (; last !== -1; last = previous[last]!) kept.add(last);
  return kept;
}
