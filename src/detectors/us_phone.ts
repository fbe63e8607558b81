/** US and Canadian telephone numbers. */

import { defineDetector } from "./detector.ts";

export const usPhone = defineDetector({
  name: "us_phone",
  title: "Telephone number of the North American Numbering Plan",
  groups: ["pii"],
  pattern: String.raw`[2-9]\d{2}[-. ]\d{4}|[2-9]\d{9}`,
  scanner: "us_phone",
  normal: "compact",
  positives: [
    { text: "call (212) 555-0187 now", values: ["(212) 555-0187"] },
    { text: "(212)555-0187", values: ["(212)555-0187"] },
    { text: "tel=212-555-0187,", values: ["212-555-0187"] },
    { text: "212.555.0187", values: ["212.555.0187"] },
    { text: "212/555-0187", values: ["212/555-0187"] },
    { text: "from +1 212 555 0187", values: ["+1 212 555 0187"] },
    { text: "+12125550187", values: ["+12125550187"] },
    { text: "001-212-555-0187", values: ["001-212-555-0187"] },
    { text: "1 (212) 555-0187", values: ["1 (212) 555-0187"] },
    { text: "phone=2125550187", values: ["2125550187"] },
    { text: "212 555 0187", values: ["212 555 0187"] },
    { text: "212-555-0187 x12", values: ["212-555-0187"] },
  ],
  lookAlikes: [
    "2125550187",
    "012-555-0187",
    "112-555-0187",
    "212-155-0187",
    "911-555-0187",
    "212-911-0187",
    "212-555-01879",
    "2024-212-555-0187",
    "212-555-0187-7",
    "a212-555-0187",
    "192.168.212.555",
    "rows 10 212 555 0187 9",
    "106-9926510-9673848",
    "2004-12-13 08:20:49",
    "1710362546517",
  ],
  source: "[North American Numbering Plan](https://www.nanpa.com/numbering), area codes and central office codes",
  takes:
    "Ten digits with or without +1, 1 or 001, the area code in parentheses or followed by hyphen, dot, space or slash; ten digits in a row behind +1 or a word such as `phone`.",
  checks:
    "Area and exchange begin with 2 to 9 and are not N11, areas not N9X; not part of a longer number or row of numbers.",
  misses: "Ten bare digits without such a word, seven-digit numbers, vanity numbers; extensions stay.",
});
