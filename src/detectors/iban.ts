/** International bank account numbers. */

import { defineDetector } from "./detector.ts";

export const iban = defineDetector({
  name: "iban",
  title: "International bank account number (IBAN)",
  groups: ["pci", "pii"],
  pattern: String.raw`[A-Z]{2}\d\d[A-Z0-9]{11}|[A-Z]{2}\d\d[-+ ][A-Z0-9]{4}[-+ ][A-Z0-9]{4}|[a-z]{2}\d\d[a-z0-9]{11}|[a-z]{2}\d\d[-+ ][a-z0-9]{4}[-+ ][a-z0-9]{4}`,
  scanner: "iban",
  normal: "compact",
  positives: [
    { text: "to DE89370400440532013000 today", values: ["DE89370400440532013000"] },
    { text: "GB82 WEST 1234 5698 7654 32", values: ["GB82 WEST 1234 5698 7654 32"] },
    { text: "FR14-2004-1010-0505-0001-3M02-606", values: ["FR14-2004-1010-0505-0001-3M02-606"] },
    { text: "iban=nl91abna0417164300;", values: ["nl91abna0417164300"] },
    { text: "NO9386011117947", values: ["NO9386011117947"] },
    { text: "MT84 MALT 0110 0001 2345 MTLC AST0 01S", values: ["MT84 MALT 0110 0001 2345 MTLC AST0 01S"] },
    { text: "IBANDE89370400440532013000", values: ["DE89370400440532013000"] },
    { text: "iban=DE89+3704+0044+0532+0130+00&x=1", values: ["DE89+3704+0044+0532+0130+00"] },
  ],
  lookAlikes: [
    "DE89370400440532013001",
    "DE8937040044053201300",
    "ADE89370400440532013000",
    "DE893704004405320130000",
    "XX89370400440532013000",
    "De89370400440532013000",
    "GB82 WEST 1234 5698 7654",
    "XIBANDE89370400440532013000",
  ],
  source:
    "ISO 13616-1; [SWIFT IBAN registry](https://www.swift.com/standards/data-standards/iban-international-bank-account-number)",
  takes:
    "Compact, or in groups of four by spaces (a form's plus, too) or hyphens; upper case throughout or lower case throughout.",
  checks: "The country's length, and the check digits (modulo 97).",
  misses: "Other groupings; countries that have announced no IBAN.",
});
