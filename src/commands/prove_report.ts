/** A proof as a page of text. */

import type { Proof } from "./proof.ts";
import { table } from "./table.ts";

/** A page has room for so many. */
const servicesShownMax = 20;

/** @returns lines, each with its line end */
export function proofText(proof: Proof): string {
  const {
    before,
    after,
    saved,
    withheld,
    prices,
    month,
    rules,
    severity,
    services,
    error_or_above: errors,
    reweighted,
  } = proof;
  const dollars = prices !== null;
  const usd = (amount: number) => (dollars ? [money(amount)] : []);
  const head = (first: string) => [first, "records", "bytes", ...(dollars ? ["dollars"] : [])];
  const row = (name: string, { records, bytes, usd: cost }: Proof["before"]) => [
    name,
    number(records),
    number(bytes),
    ...usd(cost),
  ];
  const sections = [
    aligned([
      head(""),
      row("before", before),
      row("after", after),
      ["saved", percent(saved.records), percent(saved.bytes), ...(dollars ? [percent(saved.usd)] : [])],
    ]),
  ];
  if (dollars && month !== null)
    sections.push(
      `A month at this rate (these records are of ${hoursText(month.hours)}): ${money(month.before_usd)} before, ${money(month.after_usd)} after, ${money(month.saved_usd)} saved.\n`,
    );
  if (rules.length > 0)
    sections.push(
      aligned([
        ["by rule", "dropped", "bytes", ...(dollars ? ["dollars"] : []), "changed", "withheld"],
        ...rules.map(({ id, dropped, changed, withheld }) => [
          id,
          number(dropped.records),
          number(dropped.bytes),
          ...usd(dropped.usd),
          number(changed),
          number(withheld),
        ]),
      ]),
    );
  sections.push(
    aligned([
      ["by severity", "before", "after", "stand for", "bytes saved", ...(dollars ? ["dollars saved"] : [])],
      ...Object.entries(severity).map(([level, { before, after, reweighted }]) => [
        level === "unknown" ? "tells none" : level.toUpperCase(),
        number(before.records),
        number(after.records),
        number(reweighted),
        number(before.bytes - after.bytes),
        ...usd(before.usd - after.usd),
      ]),
    ]),
  );
  if (services.some(({ service }) => service !== null)) sections.push(aligned(serviceRows(services, dollars)));
  for (const { id, shadow } of rules)
    if (shadow !== undefined)
      sections.push(
        `In shadow, so it changed nothing: ${id} would act on ${number(shadow.records)} records, ${number(shadow.errors)} of them ERROR and above, and save ${number(shadow.saved_bytes)} bytes.\n`,
      );
  const dropped = Object.entries(errors.dropped_by);
  sections.push(
    `ERROR and above: ${number(errors.kept)} of ${number(errors.before)} kept${dropped.length === 0 ? "." : `; dropped by ${dropped.map(([id, records]) => `${id} ${number(records)}`).join(", ")}.`}\n`,
  );
  if (reweighted.after !== after.records)
    sections.push(`What is left stands for ${number(reweighted.after)} records, by the weights that sampling wrote.\n`);
  if (withheld.records > 0)
    sections.push(
      `Withheld, for the quarantine: ${number(withheld.records)} records, ${number(withheld.bytes)} bytes.\n`,
    );
  sections.push(`${pricesText(prices)}${proof.engine}, ${proof.seconds.toFixed(1)} s.\n`);
  return sections.join("\n");
}

function serviceRows(services: Proof["services"], dollars: boolean): readonly (readonly string[])[] {
  const shown = services.slice(0, servicesShownMax);
  const rows = shown.map(({ service, others, before, after }) => [
    others === true ? "(others)" : (service ?? "names none"),
    number(before.records),
    number(after.records),
    number(before.bytes - after.bytes),
    ...(dollars ? [money(before.usd - after.usd)] : []),
  ]);
  const more = services.length - shown.length;
  const heads = ["by service", "before", "after", "bytes saved", ...(dollars ? ["dollars saved"] : [])];
  return [heads, ...rows, ...(more === 0 ? [] : [[`(${more} more: --json)`, ...heads.slice(1).map(() => "")]])];
}

function pricesText(prices: Proof["prices"]): string {
  if (prices === null) return "No dollars: give --prices.\n";
  const { vendor, per_gb_usd, per_million_events_usd, source, as_of } = prices;
  const from = source === undefined ? "" : ` (list price of ${as_of}; ${source})`;
  return `Prices: ${vendor ?? "as given"}, $${per_gb_usd} a GB and $${per_million_events_usd} a million events${from}.\n`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  // Names to the left, amounts to the right.
  return table(rows.map((row) => row.map((cell, column) => (column === 0 ? cell : cell.padStart(widths[column]!)))));
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function money(usd: number): string {
  const digits = Math.abs(usd) < 1 ? 4 : 2;
  return `$${usd.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function hoursText(hours: number): string {
  return hours < 1.5 ? `${Math.round(hours * 60)} minutes` : `${hours.toFixed(1)} hours`;
}
