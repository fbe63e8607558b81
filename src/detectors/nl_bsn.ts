/** Citizen service numbers of the Netherlands. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const nlBsn = defineDetector({
  name: "nl_bsn",
  title: "Dutch citizen service number (BSN)",
  groups: ["pii"],
  pattern: keywordPattern([" bsn ", "burgerservice", "sofinummer", "citizen service"]),
  scanner: "nl_bsn",
  normal: "compact",
  positives: [
    { text: "BSN: 111222333", values: ["111222333"] },
    { text: "burgerservicenummer 123456782 gevonden", values: ["123456782"] },
    { text: "sofinummer=1112.22.333", values: ["1112.22.333"] },
    { text: '{"citizen_service_number":"111 222 333"}', values: ["111 222 333"] },
    { text: "bsn 111.222.333.", values: ["111.222.333"] },
    { text: '{"userBsn":"123456782"}', values: ["123456782"] },
  ],
  lookAlikes: [
    "111222333",
    "111.222.333",
    "BSN 111222334",
    "BSN 000000000",
    "bsn 1112223330",
    "fubsn 111222333",
    "bsnl 111222333",
    "111222333 is a BSN",
  ],
  source:
    "[Rijksdienst voor Identiteitsgegevens, burgerservicenummer](https://www.rvig.nl/burgerservicenummer); Wet algemene bepalingen burgerservicenummer",
  takes:
    "Nine digits, or 3-3-3 by dots or spaces, or 4-2-3 by dots, behind `bsn`, `burgerservice`, `sofinummer` or `citizen service`.",
  checks: "The 11-test (weights 9 to 2 and -1).",
  misses:
    "Numbers without such a word in the 48 bytes before: every eleventh number passes the test, and amounts are grouped the same way; numbers of eight digits.",
});
