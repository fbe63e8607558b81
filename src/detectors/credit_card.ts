/** Payment card numbers. */

import { defineDetector } from "./detector.ts";

export const creditCard = defineDetector({
  name: "credit_card",
  title: "Payment card number",
  groups: ["pci", "pii"],
  pattern: String.raw`\d{12}|\d{4}[-. +]\d{4}[-. +]\d{4}|\d{4}[-. +]\d{6}|\d{8}[-. +]\d{8}|\d{6}[-. +]\d{13}`,
  scanner: "credit_card",
  normal: "compact",
  positives: [
    { text: "card 4111 1111 1111 1111 declined", values: ["4111 1111 1111 1111"] },
    { text: "pan=5500-0000-0000-0004", values: ["5500-0000-0000-0004"] },
    { text: "3782 822463 10005", values: ["3782 822463 10005"] },
    { text: "3056-930902-5904", values: ["3056-930902-5904"] },
    { text: '{"n":"2223003122003222"}', values: ["2223003122003222"] },
    { text: "order 12 4111111111111111 shipped", values: ["4111111111111111"] },
    { text: "38 4111 1111 1111 1111", values: ["4111 1111 1111 1111"] },
    { text: "a 6011111111111117, b 3530111333300000", values: ["6011111111111117", "3530111333300000"] },
    { text: "card=4111+1111+1111+1111&x=1", values: ["4111+1111+1111+1111"] },
    { text: "6200000000000005", values: ["6200000000000005"] },
    { text: "1,4111111111111111,12/27", values: ["4111111111111111"] },
    { text: "credit card: 122000000000003", values: ["122000000000003"] },
    { text: "maestro 501800000009", values: ["501800000009"] },
    { text: "%B4111111111111111^DOE/JOHN^2712101?", values: ["4111111111111111"] },
    { text: "jcb 3530111333300000", values: ["3530111333300000"] },
  ],
  lookAlikes: [
    "4111111111111112",
    "1700000000005",
    "at 1700000000000 ms",
    "1764859199606",
    "blk_4111111111111111",
    "blk_-4111111111111111",
    "0.4111111111111111",
    "4111111111111111.5",
    "a4111111111111111",
    "9834979466480009",
    "41111111111111110000000000000000",
    "4111-1111 1111-1111",
    "501800000009",
    "122000000000003",
    "8d4522440706918256a0",
    "4111 1111 1111 11112",
    "B4111111111111111",
  ],
  source:
    "ISO/IEC 7812-1 (check digit: annex B); prefixes and lengths as the networks publish them (native/validators/card_issuer.cc)",
  takes:
    "Numbers of 13 to 19 digits (12 behind a word such as `card`), plain or grouped 4-4-4-4, 4-6-5, 4-6-4, 4-6-6, 8-8 or 6-13 by one kind of separator: space, hyphen, dot or plus. A digit group before or behind a card does not hide it, nor does the %B of a magnetic stripe.",
  checks:
    "Luhn's check digit, the issuer's prefix and its lengths. 12 digits, 14 that do not begin with 3, more than 16 in a row that do not begin with 6, and numbers that begin with 0 or 1 only behind a word such as `card`.",
  misses:
    "Cards of networks without a published prefix, cards within longer runs of digits or letters, mixed separators.",
});
