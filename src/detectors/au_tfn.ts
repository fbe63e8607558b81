/** Tax file numbers of Australia. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const auTfn = defineDetector({
  name: "au_tfn",
  title: "Australian tax file number",
  groups: ["pii"],
  pattern: keywordPattern([" tfn ", "tax file", "taxfile"]),
  scanner: "au_tfn",
  normal: "compact",
  positives: [
    { text: "TFN 123 456 782", values: ["123 456 782"] },
    { text: "tfn=876543210", values: ["876543210"] },
    { text: "Tax File Number: 459-599-230", values: ["459-599-230"] },
    { text: '{"taxFileNumber":"123456782"}', values: ["123456782"] },
  ],
  lookAlikes: [
    "123456782",
    "123 456 782",
    "TFN 123456783",
    "tfn 000000000",
    "tfn 1234567820",
    "mtfn 123456782",
    "tfns 123456782",
  ],
  source:
    "[Australian Taxation Office, tax file number](https://www.ato.gov.au/individuals-and-families/tax-file-number); Taxation Administration Act 1953, part VA",
  takes: "Nine digits, or 3-3-3 by spaces or hyphens, behind `tfn` or `tax file`.",
  checks: "The weights 1, 4, 3, 7, 5, 8, 6, 9, 10 modulo 11.",
  misses:
    "Numbers without such a word in the 48 bytes before: every eleventh number passes the check, and amounts are grouped the same way; numbers of eight digits from before 1988.",
});
