/** Aadhaar numbers of India. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const inAadhaar = defineDetector({
  name: "in_aadhaar",
  title: "Indian Aadhaar number",
  groups: ["pii"],
  pattern: `${keywordPattern(["aadhaar", "aadhar", "uidai"])}|\\d{4} \\d{4} \\d{4}|\\d{4}-\\d{4}-\\d{4}`,
  scanner: "in_aadhaar",
  normal: "compact",
  positives: [
    { text: "resident 2341 2341 2346 verified", values: ["2341 2341 2346"] },
    { text: "4999-1234-5674", values: ["4999-1234-5674"] },
    { text: "Aadhaar: 987654321012", values: ["987654321012"] },
    { text: "aadhar_no=499912345674", values: ["499912345674"] },
    { text: "UIDAI 234123412346", values: ["234123412346"] },
    { text: "aadhaar 2019 2020 2028", values: ["2019 2020 2028"] },
  ],
  lookAlikes: [
    "234123412346",
    "2341 2341 2347",
    "aadhaar 234123412347",
    "1234 5678 9012",
    "2222 2222 2222",
    "2341 2341 2346 1111",
    "4111 2341 2341 2346",
    "2341-2341 2346",
    "2019 2020 2028",
    "x2341 2341 2346",
    "12341 2341 2346",
  ],
  source:
    "[UIDAI, Aadhaar](https://uidai.gov.in/en/my-aadhaar/about-your-aadhaar.html): twelve digits, the first not 0 or 1, the last Verhoeff's",
  takes: "4-4-4 by spaces or hyphens; twelve digits behind `aadhaar`, `aadhar` or `uidai`.",
  checks: "Verhoeff's check digit, 2 to 9 first; not part of a row of numbers, not three years.",
  misses:
    "Twelve bare digits without such a word: every tenth number passes the check; masked and virtual (16 digits) ones. Three columns of four digits that pass are taken.",
});
