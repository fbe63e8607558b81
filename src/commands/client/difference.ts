/** What one manifest says differently from another, as people read it: `+` added, `-` removed, `~` changed, `>` moved. */

import { paint, visible } from "./terminal.ts";
import { say, summaryOf } from "./written.ts";

type Item = Readonly<Record<string, unknown>>;

interface ListDifference {
  readonly added: readonly { readonly at: number; readonly item: Item }[];
  readonly removed: readonly Item[];
  readonly changed: readonly {
    readonly id: string;
    readonly fields: readonly string[];
    readonly before: Item;
    readonly after: Item;
  }[];
  readonly moved: readonly { readonly id: string; readonly from: number; readonly to: number }[];
}

/** As `GET /diff` answers it. */
export interface Difference {
  readonly same: boolean;
  readonly rules: ListDifference;
  readonly outputs: ListDifference;
  readonly settings: readonly { readonly field: string; readonly before?: unknown; readonly after?: unknown }[];
}

/** Prints nothing where both say the same. */
export function tellDifference({ rules, outputs, settings }: Difference): void {
  tellList("rule", rules);
  tellList("output", outputs);
  for (const { field, before, after } of settings)
    say(paint("yellow", `~ ${visible(field)}: ${change(before, after)}`));
}

function tellList(noun: string, { added, removed, changed, moved }: ListDifference): void {
  for (const item of removed) say(paint("red", `- ${noun} ${described(item)}`));
  for (const { item } of added) say(paint("green", `+ ${noun} ${described(item)}`));
  for (const { id, fields, before, after } of changed)
    for (const field of fields)
      say(
        paint("yellow", `~ ${noun} ${visible(id)} ${visible(field)}: ${change(at(before, field), at(after, field))}`),
      );
  for (const { id, from, to } of moved)
    say(paint("yellow", `> ${noun} ${visible(id)} moves from place ${from + 1} to ${to + 1}`));
}

function described({ id, type, params, ...rest }: Item): string {
  const fields = { ...(params as Item | undefined), ...rest };
  return [visible(String(id)), String(type), summaryOf(fields)].join("  ").trimEnd();
}

function at(item: Item, field: string): unknown {
  if (!field.startsWith("params.")) return item[field];
  return (item.params as Item | undefined)?.[field.slice("params.".length)];
}

function change(before: unknown, after: unknown): string {
  const [was, is] = [before, after].map((value) => (value === undefined ? "absent" : visible(JSON.stringify(value))));
  // Two secrets look the same.
  return was === is ? `${was} (another secret)` : `${was} → ${is}`;
}
