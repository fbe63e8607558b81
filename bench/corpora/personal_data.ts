/**
 * Twenty well-known shapes of personal data and secrets: the pattern that every subject is given, and values that have the shape.
 *
 * Patterns keep to what RE2, PCRE, Go, Rust and (after `posix`) POSIX ERE read alike: no look-around, no lazy repetition, alternatives
 * none of which begins another. `before` stands in front of the value in a line where the pattern needs it.
 */

import { type Random, withLuhnDigit } from "./random.ts";

export interface Shape {
  readonly name: string;
  readonly pattern: string;
  readonly replacement: string;
  value(random: Random): string;
}

const hex = "0123456789abcdef";
const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const upperDigits = `${upper}0123456789`;

export const usSsn: Shape = {
  name: "us_ssn",
  pattern: "\\b\\d{3}-\\d{2}-\\d{4}\\b",
  replacement: "XXX-XX-XXXX",
  value: (r) => `${1 + r.below(8)}${r.digits(2)}-${1 + r.below(9)}${r.below(10)}-${r.digits(4)}`,
};

export const creditCard: Shape = {
  name: "credit_card",
  pattern: "\\b\\d{4}[ -]?\\d{4}[ -]?\\d{4}[ -]?\\d{4}\\b",
  replacement: "[CARD]",
  value: (r) => withLuhnDigit(`4${r.digits(14)}`).replace(/(\d{4})(?=\d)/g, "$1 "),
};

const shape = (name: string, pattern: string, value: (random: Random) => string): Shape => ({
  name,
  pattern,
  replacement: `[${name.toUpperCase()}]`,
  value,
});

/** In this order they are applied. */
export const shapes: readonly Shape[] = [
  usSsn,
  creditCard,
  shape("email", "[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\\.[A-Za-z]{2,10}\\b", (r) => `${r.letters(7)}@${r.letters(8)}.com`),
  shape(
    "ipv4",
    "\\b\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\b",
    (r) => `10.${r.below(256)}.${r.below(256)}.${1 + r.below(254)}`,
  ),
  shape("mac_address", "\\b[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}\\b", (r) =>
    Array.from({ length: 6 }, () => r.from(hex, 2)).join(":"),
  ),
  shape("iban", "\\b[A-Z]{2}\\d{2}[A-Z]{4}\\d{14}\\b", (r) => `GB${r.digits(2)}${r.from(upper, 4)}${r.digits(14)}`),
  shape("uuid", "\\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\b", (r) =>
    // A letter in the second group: sixteen digits in a row would be a card without its borders.
    [r.from(hex, 8), `c${r.from(hex, 3)}`, r.from(hex, 4), r.from(hex, 4), r.from(hex, 12)].join("-"),
  ),
  shape(
    "us_phone",
    "\\(\\d{3}\\) \\d{3}-\\d{4}\\b",
    (r) => `(${2 + r.below(8)}${r.digits(2)}) ${r.digits(3)}-${r.digits(4)}`,
  ),
  shape("e164_phone", "\\+\\d{11,13}\\b", (r) => `+49${r.digits(10)}`),
  shape("aws_access_key", "\\bAKIA[A-Z0-9]{16}\\b", (r) => `AKIA${r.from(upperDigits, 16)}`),
  shape("github_token", "\\bghp_[A-Za-z0-9]{36}\\b", (r) => `ghp_${r.from(base64, 36)}`),
  shape("slack_token", "\\bxoxb-\\d{12}-[A-Za-z0-9]{24}\\b", (r) => `xoxb-${r.digits(12)}-${r.from(base64, 24)}`),
  shape("stripe_key", "\\bsk_live_[A-Za-z0-9]{24}\\b", (r) => `sk_live_${r.from(base64, 24)}`),
  shape("google_api_key", "\\bAIza[A-Za-z0-9_-]{35}\\b", (r) => `AIza${r.from(base64, 35)}`),
  shape(
    "jwt",
    "\\beyJ[A-Za-z0-9_-]+\\.eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+",
    (r) => `eyJ${r.from(base64, 12)}.eyJ${r.from(base64, 16)}.${r.from(base64, 20)}`,
  ),
  shape("bearer_token", "\\bBearer [A-Za-z0-9._~+/-]{16,64}", (r) => `Bearer ${r.from(base64, 32)}`),
  shape("password", "\\bpassword=[^ ]+", (r) => `password=${r.letters(10)}`),
  shape("bitcoin_address", "\\bbc1[a-z0-9]{39}\\b", (r) => `bc1${r.from("acdefghjklmnpqrstuvwxyz023456789", 39)}`),
  shape(
    "uk_nino",
    "\\b[A-Z]{2} \\d{2} \\d{2} \\d{2} [A-D]\\b",
    (r) => `${r.from("ABCEGHJ", 2)} ${r.digits(2)} ${r.digits(2)} ${r.digits(2)} ${r.from("ABCD", 1)}`,
  ),
  shape(
    "date_of_birth",
    "\\bdob=\\d{4}-\\d{2}-\\d{2}\\b",
    (r) => `dob=19${r.digits(2)}-0${1 + r.below(9)}-1${r.below(10)}`,
  ),
];

/** The pattern for POSIX ERE, which has no `\d` and no `\b`: the lines are such that the missing borders make no difference. */
export function posix(pattern: string): string {
  return pattern.replaceAll("\\b", "").replaceAll("\\d", "[0-9]");
}
