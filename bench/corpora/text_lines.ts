/**
 * Plain log lines of about 187 bytes, 40 % of them DEBUG. `text`: 5 % hold a US social security number, 3 % a payment card, 1 % sixteen
 * digits that are no card. `personal`: 10 % hold a value of one of the twenty shapes.
 */

import type { Line } from "./line.ts";
import { creditCard, shapes, usSsn } from "./personal_data.ts";
import { type Random, randomFrom } from "./random.ts";

export const seed = 20_261_123;

const words =
  "request handled user account cache payment order service upstream latency retry connection pool worker queue started finished timeout".split(
    " ",
  );

export function* textLines(lines: number): Generator<Line> {
  const random = randomFrom(seed);
  for (let line = 0; line < lines; line++) {
    const share = random.share();
    const planted = share < 0.05 ? usSsn.value(random) : share < 0.08 ? creditCard.value(random) : undefined;
    const decoy = share >= 0.08 && share < 0.09 ? `7${random.digits(15)}` : "";
    yield lineOf(random, planted, decoy);
  }
}

export function* personalLines(lines: number): Generator<Line> {
  const random = randomFrom(seed + 1);
  for (let line = 0; line < lines; line++) {
    yield lineOf(random, random.share() < 0.1 ? random.pick(shapes).value(random) : undefined, "");
  }
}

function lineOf(random: Random, planted: string | undefined, decoy: string): Line {
  const share = random.share();
  const level = share < 0.4 ? "DEBUG" : share < 0.85 ? "INFO" : share < 0.95 ? "WARN" : "ERROR";
  const sixty = () => String(random.below(60)).padStart(2, "0");
  let body = "";
  for (let i = 0; i < 16; i++) body += `${random.pick(words)} `;
  const text = `2026-11-23T12:${sixty()}:${sixty()}.${random.digits(3)}Z ${level} service-${random.below(17)} ${body}value=${
    planted ?? decoy
  } trace=${random.from("0123456789abcdef", 8)}`;
  return planted === undefined ? { text } : { text, planted };
}
