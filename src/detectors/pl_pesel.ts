/** PESEL numbers of Poland. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const plPesel = defineDetector({
  name: "pl_pesel",
  title: "Polish national identification number (PESEL)",
  groups: ["pii"],
  pattern: keywordPattern(["pesel"]),
  scanner: "pl_pesel",
  normal: "compact",
  positives: [
    { text: "PESEL: 44051401359", values: ["44051401359"] },
    { text: '{"pesel":"02270812350"}', values: ["02270812350"] },
    { text: "nr_pesel=02070803628;", values: ["02070803628"] },
  ],
  lookAlikes: [
    "44051401359",
    "PESEL 44051401358",
    "pesel 44131401359",
    "pesel 440514013590",
    "pesel 00000000000",
    "pesel=a44051401359",
  ],
  source:
    "[gov.pl, numer PESEL](https://www.gov.pl/web/gov/czym-jest-numer-pesel); ustawa o ewidencji ludności of 24 September 2010, article 15",
  takes: "Eleven digits behind `pesel`.",
  checks: "The check digit (weights 1, 3, 7, 9), the month with its century and the day.",
  misses:
    "Numbers without the word in the 48 bytes before: every tenth number that begins like a date passes, times among them.",
});
