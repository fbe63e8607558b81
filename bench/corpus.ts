/**
 * The lines that the bench sends: seeded, so that every subject gets the same bytes. 40 % are DEBUG; 5 % of all lines hold a US
 * social security number, 3 % a payment card, 1 % sixteen digits that are no card.
 */

import { closeSync, openSync, writeSync } from "node:fs";

export interface Corpus {
  readonly path: string;
  readonly lines: number;
  readonly bytes: number;
  /** Lines that a rule for DEBUG leaves. */
  readonly kept: number;
  /** Planted values in the lines that are left: none of them may come out when they are redacted. */
  readonly planted: ReadonlySet<string>;
}

const words =
  "request handled user account cache payment order service upstream latency retry connection pool worker queue started finished timeout".split(
    " ",
  );

/** Writes `lines` lines to `path`. */
export function writeCorpus(path: string, lines: number, seed: number): Corpus {
  const random = randomFrom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const digits = (n: number) => Array.from({ length: n }, () => below(10)).join("");
  const planted = new Set<string>();
  const file = openSync(path, "w");
  let bytes = 0;
  let kept = 0;
  let text = "";
  for (let line = 0; line < lines; line++) {
    const share = random();
    const level = share < 0.4 ? "DEBUG" : share < 0.85 ? "INFO" : share < 0.95 ? "WARN" : "ERROR";
    const plant = random();
    let value = "";
    if (plant < 0.05) value = `${1 + below(8)}${digits(2)}-${1 + below(9)}${below(10)}-${digits(4)}`;
    else if (plant < 0.08) value = luhn(`4${digits(14)}`).replace(/(\d{4})(?=\d)/g, "$1 ");
    if (level !== "DEBUG") {
      kept++;
      if (value !== "") planted.add(value);
    }
    if (plant >= 0.08 && plant < 0.09) value = `7${digits(15)}`;
    const body = Array.from({ length: 13 }, () => words[below(words.length)]).join(" ");
    text += `2026-11-23T12:${String(below(60)).padStart(2, "0")}:${String(below(60)).padStart(2, "0")}.${digits(3)}Z ${level} service-${below(17)} ${body} value=${value} trace=${below(
      2 ** 32,
    )
      .toString(16)
      .padStart(8, "0")}\n`;
    if (text.length > 1 << 20 || line === lines - 1) {
      bytes += writeSync(file, text);
      text = "";
    }
  }
  closeSync(file);
  return { path, lines, bytes, kept, planted };
}

/** Adds the check digit of ISO/IEC 7812-1, annex B. */
function luhn(digits: string): string {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const doubled = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

/** mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
