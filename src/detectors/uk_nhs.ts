/** Numbers of the National Health Service in the United Kingdom. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const ukNhs = defineDetector({
  name: "uk_nhs",
  title: "UK NHS number",
  groups: ["pii"],
  pattern: `${keywordPattern([" nhs ", "national health"])}|\\d{3} \\d{3} \\d{4}`,
  scanner: "uk_nhs",
  normal: "compact",
  positives: [
    { text: "patient 943 476 5919 admitted", values: ["943 476 5919"] },
    { text: "NHS number: 9434765919", values: ["9434765919"] },
    { text: "nhs_no=401-023-2137", values: ["401-023-2137"] },
    { text: '{"nhsNumber":"9434765919"}', values: ["9434765919"] },
    { text: "National Health no. 4505577104", values: ["4505577104"] },
  ],
  lookAlikes: [
    "943 476 5918",
    "9434765919",
    "401-023-2137",
    "111 111 1111",
    "12 943 476 5919",
    "943 476 5919 3",
    "1943 476 5919",
    "nhs 94347659191",
    "943  476 5919",
    "943 4765919",
    "$943 476 5919",
  ],
  source: "[NHS Data Dictionary, NHS Number](https://www.datadictionary.nhs.uk/attributes/nhs_number.html)",
  takes: "3-3-4 by spaces; ten digits, or 3-3-4 by hyphens, behind `nhs` or `national health`.",
  checks: "The check digit (weights 10 to 2, modulo 11); not part of a row of numbers.",
  misses:
    "Other forms without such a word: every eleventh number passes the check. For the same reason one in eleven telephone numbers written 3-3-4 by spaces is taken.",
});
