/** Social insurance numbers of Canada. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const caSin = defineDetector({
  name: "ca_sin",
  title: "Canadian social insurance number",
  groups: ["pii"],
  pattern: `${keywordPattern([" sin ", " nas ", "social insurance", "assurance sociale"])}|\\d{3}-\\d{3}-\\d{3}`,
  scanner: "ca_sin",
  normal: "compact",
  positives: [
    { text: "employee 130-692-544 hired", values: ["130-692-544"] },
    { text: "SIN: 193 456 787", values: ["193 456 787"] },
    { text: "sin=130692544", values: ["130692544"] },
    { text: '{"socialInsurance":1,"social_insurance_number":"130692544"}', values: ["130692544"] },
    { text: "NAS 130692544", values: ["130692544"] },
    { text: "numéro d'assurance sociale 193456787", values: ["193456787"] },
    { text: '{"employeeSin":"999999998"}', values: ["999999998"] },
  ],
  lookAlikes: [
    "130692544",
    "193 456 787",
    "130-692-545",
    "SIN 046454286",
    "SIN 830692544",
    "business 130692544",
    "using 130692544",
    "since 130692544",
    "130-692-544-1",
    "1-130-692-544",
    "SIN 1306925440",
    "130-692544",
  ],
  source:
    "[Employment and Social Development Canada, Social Insurance Number](https://www.canada.ca/en/employment-social-development/services/sin.html); check digit: ISO/IEC 7812-1 annex B",
  takes:
    "3-3-3 by hyphens; nine digits, or 3-3-3 by spaces, behind `sin`, `nas`, `social insurance` or `assurance sociale`.",
  checks: "Luhn's check digit; 0 and 8 are not given out as the first.",
  misses:
    "Other forms without such a word: every tenth number passes the check, and spaces group amounts, too. Every tenth number of other kinds written 3-3-3 by hyphens is taken.",
});
