/** Reads the numbers that people write in flags and variables: sizes, seconds, whole numbers, switches. */

export const KiB = 1024;
export const MiB = 1024 * KiB;

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: KiB,
  kib: KiB,
  m: MiB,
  mib: MiB,
  g: 1024 * MiB,
  gib: 1024 * MiB,
  kb: 1000,
  mb: 1_000_000,
  gb: 1_000_000_000,
};

/** A unit in small letters or large ones. */
const unitForm = Object.keys(units)
  .filter((unit) => unit !== "")
  .map((unit) => [...unit].map((letter) => `[${letter}${letter.toUpperCase()}]`).join(""))
  .join("|");

/** What the readers below take, as regular expressions for schemas: of several readers each has its own. */
export const quantityForms = {
  bytes: `^\\d+(\\.\\d+)?\\s*(${unitForm})?$`,
  seconds: "^\\d+(\\.\\d+)?(s|ms)?$",
  share: "^\\d+(\\.\\d+)?%?$",
} as const;

/** `1048576`, `1MiB`, `64k`, `1.5GiB`: bytes. @throws Error with the reason, to follow the value in a sentence */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const unit = match === null ? undefined : units[match[2]!.toLowerCase()];
  if (match === null || unit === undefined) throw new Error("is no size");
  const bytes = Number(match[1]) * unit;
  if (!Number.isSafeInteger(bytes)) throw new Error("is no whole number of bytes");
  return bytes;
}

/** `10`, `2.5`, `10s`, `500ms`: milliseconds. */
export function parseSeconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(s|ms|)$/.exec(text.trim());
  if (match === null) throw new Error("is no number of seconds");
  return Math.round(Number(match[1]) * (match[2] === "ms" ? 1 : 1000));
}

/** `0.2`, `20%`: a part of a whole. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim());
  if (match === null) throw new Error("is no share");
  return Number(match[1]) / (match[2] === "%" ? 100 : 1);
}

export function parseInteger(text: string): number {
  if (!/^-?\d{1,15}$/.test(text.trim())) throw new Error("is no whole number");
  return Number(text);
}

export function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (["true", "1", "yes", "on"].includes(word)) return true;
  if (["false", "0", "no", "off"].includes(word)) return false;
  throw new Error("is neither true nor false");
}
