/** Routing numbers of US banks. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const usRouting = defineDetector({
  name: "us_routing",
  title: "US bank routing number (ABA)",
  groups: ["pii"],
  pattern: keywordPattern(["routing", " aba ", " rtn ", "⑆"]),
  scanner: "us_routing",
  normal: "compact",
  positives: [
    { text: "routing number: 021000021", values: ["021000021"] },
    { text: '{"aba":"122105155","account":1}', values: ["122105155"] },
    { text: "RTN 0110-0001-5.", values: ["0110-0001-5"] },
    { text: "check ⑆021000021⑆ 123", values: ["021000021"] },
    { text: "bankRoutingNumber=021000021;", values: ["021000021"] },
  ],
  lookAlikes: [
    "021000021",
    "routing number 021000022",
    "routing 131000021",
    "routing 000000000",
    "routing number 0210000210",
    "database 021000021",
    "seaborne 021000021 routing",
    "aba 1021000021",
    "routing table 10.0.0.1",
  ],
  source:
    "American Bankers Association, Routing Number Policy; [Federal Reserve, MICR check digit](https://www.frbservices.org/financial-services/wires/faq/routing-number.html)",
  takes: "Nine digits, or 4-4-1 with hyphens, behind `routing`, `aba`, `rtn` or the transit symbol of a check.",
  checks: "The weights 3, 7, 1 modulo 10, and a Federal Reserve district.",
  misses: "Numbers without such a word in the 48 bytes before: every tenth number of nine digits passes the check.",
});
