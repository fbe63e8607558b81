/** US social security numbers. */

import { defineDetector } from "./detector.ts";

export const usSsn = defineDetector({
  name: "us_ssn",
  title: "US social security number",
  groups: ["pii"],
  pattern: String.raw`\d{3}[-. ]\d{2}[-. ]\d{4}|\d{3}\x{2013}\d{2}|\d{3}\x{2011}\d{2}|\d{9}`,
  scanner: "us_ssn",
  normal: "compact",
  positives: [
    { text: "applicant 219-09-9999 confirmed", values: ["219-09-9999"] },
    { text: '{"ssn":"536-22-1047"}', values: ["536-22-1047"] },
    { text: "a=101-12-3456;b=899-98-7654", values: ["101-12-3456", "899-98-7654"] },
    { text: "taxpayer 219 09 9999.", values: ["219 09 9999"] },
    { text: "219.09.9999", values: ["219.09.9999"] },
    { text: "219–09–9999", values: ["219–09–9999"] },
    { text: "user_ssn=219099999", values: ["219099999"] },
    { text: "Social Security: 219099999", values: ["219099999"] },
    { text: "SSN536-90-4399", values: ["536-90-4399"] },
  ],
  lookAlikes: [
    "219099999",
    "000-12-3456",
    "666-12-3456",
    "900-12-3456",
    "219-00-9999",
    "219-09-0000",
    "219-09.9999",
    "1219-09-9999",
    "219-09-99991",
    "part 10-219-09-9999-2",
    "a219-09-9999",
    "table 10 219 09 9999 12",
    "2026-11-23",
    "219-0999-99",
  ],
  source:
    "Social Security Administration, [Social Security Number Randomization](https://www.ssa.gov/employer/randomization.html)",
  takes:
    "AAA-GG-SSSS with the same separator twice: hyphen, en dash, dot or space; nine digits in a row behind `ssn` or `social`.",
  checks:
    "Area not 000, 666 or 900 and above, group not 00, serial not 0000; not part of a longer word (but `SSN`), number or row of numbers.",
  misses: "Nine bare digits without one of the words; taxpayer numbers (ITIN), which begin with 9.",
});
