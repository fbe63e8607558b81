/** The price book: one file a vendor, and which price is an output's. Adding a vendor: its file and a line here. */

import { cloudwatch } from "./cloudwatch.ts";
import { datadog } from "./datadog.ts";
import { free, type Price, type PriceList } from "./price.ts";
import { splunk } from "./splunk.ts";

const all: readonly PriceList[] = [datadog, splunk, cloudwatch];

export const priceLists: ReadonlyMap<string, PriceList> = new Map(all.map((list) => [list.vendor, list]));

/** An output's price, and where it is from: its own field, its vendor's list, or what is said for the rest. */
export interface OutputPrice extends Price {
  readonly from: "output" | "list" | "setting" | "none";
}

/**
 * @param output with `prices`, where somebody gave it its own
 * @param fallback for outputs of no vendor (console, file, http); absent: they cost nothing
 */
export function priceOf(
  output: { readonly type: string; readonly [field: string]: unknown },
  fallback?: Price,
): OutputPrice {
  const list = all.find(({ outputTypes }) => outputTypes.includes(output.type));
  const given = output.prices as { per_gb_usd?: number; per_million_events_usd?: number } | undefined;
  const from = list ?? fallback;
  if (given !== undefined)
    return {
      perGbUsd: given.per_gb_usd ?? from?.perGbUsd ?? 0,
      perMillionEventsUsd: given.per_million_events_usd ?? from?.perMillionEventsUsd ?? 0,
      from: "output",
    };
  if (from === undefined) return { ...free, from: "none" };
  const { perGbUsd, perMillionEventsUsd } = from;
  return { perGbUsd, perMillionEventsUsd, from: list === undefined ? "setting" : "list" };
}

const amount = "\\d{1,6}(?:\\.\\d{1,6})?";

/** What a price is written as, for a refusal. */
export const pricesText = `${[...priceLists.keys()].join(", ")}, none, or dollars a GB and a million events such as 0.08+1.25`;
/** The same as a regular expression. */
export const priceForm = `^(${[...priceLists.keys()].join("|")}|none|${amount}(\\+${amount})?)$`;
export const priceWords = [...priceLists.keys(), "none", "GB", "GB+EVENTS"].join("|");

/**
 * Reads a price as people write it: a vendor's name, `none`, or dollars for a gigabyte and, behind a plus, for a million events.
 * @returns undefined: none
 * @throws Error with the reason, to follow what was written
 * @example
 * parsePrice("0.08+1.25"); // { perGbUsd: 0.08, perMillionEventsUsd: 1.25 }
 */
export function parsePrice(text: string): Price | undefined {
  if (text === "none") return undefined;
  const list = priceLists.get(text);
  if (list !== undefined) return list;
  const [, perGb, perEvents = "0"] = new RegExp(`^(${amount})(?:\\+(${amount}))?$`).exec(text) ?? [];
  if (perGb === undefined) throw new Error(`is no price; known are ${[...priceLists.keys()].join(", ")}`);
  return { perGbUsd: Number(perGb), perMillionEventsUsd: Number(perEvents) };
}

/** What `parsePrice` reads, as text. */
export function priceText(price: Price | undefined): string {
  if (price === undefined) return "none";
  return all.find((list) => list === price)?.vendor ?? `${price.perGbUsd}+${price.perMillionEventsUsd}`;
}
