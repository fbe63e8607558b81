/** How each national number is written and checked. Twin of native/detect/national_numbers.cc, where it is told. */

import { isFiscalCode } from "../validators/fiscal_code.ts";
import { passesMod11And10 } from "../validators/iso7064.ts";
import { passesLuhn } from "../validators/luhn.ts";
import { passesVerhoeff } from "../validators/verhoeff.ts";
import { weightedSum } from "../validators/weights.ts";
import { code, isDigit } from "./bytes.ts";
import { keywords } from "./keyword.ts";
import { type NationalNumber, scanNationalNumber } from "./national_number.ts";

type Passes = NationalNumber["passes"];

function numberAt(digits: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) value = value * 10 + digits[i]! - 0x30;
  return value;
}

function isOneDigit(digits: Uint8Array, count: number): boolean {
  for (let i = 1; i < count; i++) if (digits[i] !== digits[0]) return false;
  return true;
}

const textOf = (number: Uint8Array, at: number, count: number) =>
  String.fromCharCode(...number.subarray(at, at + count));

const routingWeights = [3, 7, 1, 3, 7, 1, 3, 7, 1];
const isUsRouting: Passes = (number, count) => {
  // A Federal Reserve district as it is, of thrifts, electronic, or a traveler's check.
  const district = numberAt(number, 0, 2);
  const issued =
    district <= 12 || (district >= 21 && district <= 32) || (district >= 61 && district <= 72) || district === 80;
  return issued && !isOneDigit(number, count) && weightedSum(number, 0, routingWeights) % 10 === 0;
};

const ninoNever = new Set(["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"]);
const isUkNino: Passes = (number) => {
  const prefix = textOf(number, 0, 2);
  return /^[^DFIQUV][^DFIOQUV]$/.test(prefix) && !ninoNever.has(prefix) && number[8]! <= code("D");
};

const nhsWeights = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
const isUkNhs: Passes = (number, count) => !isOneDigit(number, count) && weightedSum(number, 0, nhsWeights) % 11 === 0;

const isDeTaxId: Passes = (number, count) => {
  // Of the first ten digits one stands there twice or three times, the others once.
  const counts = new Uint8Array(10);
  for (let i = 0; i < 10; i++) counts[number[i]! - 0x30]!++;
  if (counts.some((times) => times > 3) || counts.filter((times) => times > 1).length !== 1) return false;
  return number[0] !== code("0") && passesMod11And10(number, count);
};

const nirSexes = new Set([..."123478"].map(code));
const isFrNir: Passes = (number) => {
  // Sex, year, month, department, commune, order, key; 2A and 2B are Corsica's departments.
  const corsica = !isDigit(number[6]!);
  if (corsica && (number[5] !== code("2") || (number[6] !== code("A") && number[6] !== code("B")))) return false;
  const month = numberAt(number, 3, 2);
  // 20 and 30 to 42 and from 50 on: the month is not known.
  const known = (month >= 1 && month <= 12) || month === 20 || (month >= 30 && month <= 42) || month >= 50;
  if (!known || !nirSexes.has(number[0]!)) return false;
  let rest = 0;
  for (let i = 0; i < 13; i++) {
    // The key is reckoned as if 2A were 19 and 2B were 18.
    let value = number[i]! - 0x30;
    if (corsica && i === 5) value = 1;
    if (corsica && i === 6) value = number[6] === code("A") ? 9 : 8;
    rest = (rest * 10 + value) % 97;
  }
  return 97 - rest === numberAt(number, 13, 2);
};

function isDate(digits: Uint8Array): boolean {
  const year = numberAt(digits, 0, 4);
  const month = numberAt(digits, 4, 2);
  const day = numberAt(digits, 6, 2);
  return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

const dniLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
const isEsDni: Passes = (number, _count, keyword) => {
  let value = numberAt(number, 1, 7);
  if (isDigit(number[0]!)) {
    // 20261123Z is a day in UTC.
    if (!keyword && isDate(number)) return false;
    value += (number[0]! - 0x30) * 10_000_000;
  } else {
    // Foreigners' numbers begin with X, Y or Z for 0, 1 or 2.
    if (number[0]! < code("X")) return false;
    value += (number[0]! - code("X")) * 10_000_000;
  }
  return value > 0 && dniLetters.charCodeAt(value % 23) === number[8];
};

const isItFiscalCode: Passes = (number, count) => isFiscalCode(number, count);

const bsnWeights = [9, 8, 7, 6, 5, 4, 3, 2];
const isNlBsn: Passes = (number, count) =>
  !isOneDigit(number, count) && weightedSum(number, 0, bsnWeights) % 11 === number[8]! - 0x30;

const peselWeights = [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1];
const isPlPesel: Passes = (number) => {
  // The month says the century: 1800 and later 80 more, 2000 and later 20, 40, 60 more.
  const month = numberAt(number, 2, 2) % 20;
  const day = numberAt(number, 4, 2);
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && weightedSum(number, 0, peselWeights) % 10 === 0;
};

const cpfWeights = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
const isBrCpf: Passes = (number, count) => {
  const digitBehind = (digits: number) => {
    const rest = weightedSum(number, 0, cpfWeights.slice(10 - digits)) % 11;
    return rest < 2 ? 0 : 11 - rest;
  };
  return !isOneDigit(number, count) && digitBehind(9) === number[9]! - 0x30 && digitBehind(10) === number[10]! - 0x30;
};

const isInAadhaar: Passes = (number, count, keyword) => {
  if (number[0]! < code("2") || isOneDigit(number, count)) return false;
  const isYear = (at: number) => textOf(number, at, 2) === "19" || textOf(number, at, 2) === "20";
  if (!keyword && isYear(0) && isYear(4) && isYear(8)) return false;
  return passesVerhoeff(number, count);
};

const isCaSin: Passes = (number, count) =>
  number[0] !== code("0") && number[0] !== code("8") && !isOneDigit(number, count) && passesLuhn(number, count);

const tfnWeights = [1, 4, 3, 7, 5, 8, 6, 9, 10];
const isAuTfn: Passes = (number, count) => !isOneDigit(number, count) && weightedSum(number, 0, tfnWeights) % 11 === 0;

function scanOf(forms: readonly string[], words: readonly string[], passes: Passes) {
  const kind: NationalNumber = {
    forms,
    words: keywords(...words),
    passes,
  };
  return (text: Buffer, finds: number[]): void => scanNationalNumber(kind, text, finds);
}

export const scanUsRouting = scanOf(
  ["?999999999", "?9999-9999-9"],
  ["routing", " aba ", " rtn ", "\u2446"],
  isUsRouting,
);
export const scanUkNino = scanOf(
  ["AA999999A", "AA 99 99 99 A", "AA-99-99-99-A", "AA 999999 A"],
  ["national insurance", "nationalinsurance", " nino "],
  isUkNino,
);
export const scanUkNhs = scanOf(
  ["?9999999999", "999 999 9999", "?999-999-9999"],
  [" nhs ", "national health"],
  isUkNhs,
);
export const scanDeTaxId = scanOf(
  ["?99999999999", "99 999 999 999"],
  ["steuer", "idnr", " tax ", "identifikationsnummer"],
  isDeTaxId,
);
export const scanFrNir = scanOf(
  ["?999999#99999999", "?999999#999999 99", "9 99 99 9# 999 999 99", "9-99-99-9#-999-999-99"],
  [" nir ", " insee ", "sociale", " secu "],
  isFrNir,
);
export const scanEsDni = scanOf(
  ["#9999999A", "#9999999-A", "99.999.999-A", "99.999.999A", "A-9999999-A"],
  [" dni ", " nie ", " nif "],
  isEsDni,
);
export const scanItFiscalCode = scanOf(["AAAAAA##A##A###A", "AAA AAA ##A## A###A"], ["fiscal"], isItFiscalCode);
export const scanNlBsn = scanOf(
  ["?999999999", "?999.999.999", "?9999.99.999", "?999 999 999"],
  [" bsn ", "burgerservice", "sofinummer", "citizen service"],
  isNlBsn,
);
export const scanPlPesel = scanOf(["?99999999999"], ["pesel"], isPlPesel);
export const scanBrCpf = scanOf(["?99999999999", "999.999.999-99"], [" cpf "], isBrCpf);
export const scanInAadhaar = scanOf(
  ["?999999999999", "9999 9999 9999", "9999-9999-9999"],
  ["aadhaar", "aadhar", "uidai"],
  isInAadhaar,
);
export const scanCaSin = scanOf(
  ["?999999999", "999-999-999", "?999 999 999"],
  [" sin ", " nas ", "social insurance", "assurance sociale"],
  isCaSin,
);
export const scanAuTfn = scanOf(
  ["?999999999", "?999 999 999", "?999-999-999"],
  [" tfn ", "tax file", "taxfile"],
  isAuTfn,
);
