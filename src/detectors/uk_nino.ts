/** National insurance numbers of the United Kingdom. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const ukNino = defineDetector({
  name: "uk_nino",
  title: "UK national insurance number",
  groups: ["pii"],
  pattern: `${keywordPattern(["national insurance", "nationalinsurance", " nino "])}|[A-Z]{2}\\d{6}[A-D]|[A-Z]{2} \\d\\d \\d\\d \\d\\d [A-D]|[A-Z]{2}-\\d\\d-\\d\\d-\\d\\d-[A-D]|[A-Z]{2} \\d{6} [A-D]`,
  scanner: "uk_nino",
  normal: "compact",
  positives: [
    { text: "NI number AB123456C on file", values: ["AB123456C"] },
    { text: "JG 12 13 16 A", values: ["JG 12 13 16 A"] },
    { text: "AA-12-34-56-B;", values: ["AA-12-34-56-B"] },
    { text: "JG 121316 D", values: ["JG 121316 D"] },
    { text: "nino=ab123456c", values: ["ab123456c"] },
    { text: "National_Insurance_No: ab 12 34 56 d", values: ["ab 12 34 56 d"] },
    { text: '{"nationalInsuranceNumber":"ab123456c"}', values: ["ab123456c"] },
  ],
  lookAlikes: [
    "QQ123456C",
    "AB123456E",
    "AO123456C",
    "DA123456C",
    "BG123456A",
    "NT123456B",
    "ZZ123456C",
    "ab123456c",
    "AB1234567C",
    "AB123456CD",
    "XAB123456C",
    "AB12345C",
    "AB 12 34 56C",
    "piano ab123456c",
    "id_AB123456C",
  ],
  source:
    "[HM Revenue & Customs, National Insurance Manual NIM39110](https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110)",
  takes:
    "Two letters, six digits and A to D: compact, 2-2-2-2-1 by spaces or hyphens, or 2-6-1 by spaces; in lower case behind `nino` or `national insurance`.",
  checks: "Prefixes that are not given out: D, F, I, Q, U and V, O as the second letter, BG, GB, KN, NK, NT, TN, ZZ.",
  misses: "Numbers without the last letter; there is no check digit, so product codes of the same form are taken.",
});
