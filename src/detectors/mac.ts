/** Hardware addresses. */

import { defineDetector } from "./detector.ts";

export const mac = defineDetector({
  name: "mac",
  title: "Hardware (MAC) address",
  groups: ["pii"],
  pattern: "(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}",
  check: "mac",
  normal: "compact",
  positives: [
    { text: "dhcp 00:1b:44:11:3a:b7 ack", values: ["00:1b:44:11:3a:b7"] },
    { text: "mac=00-1B-44-11-3A-B7;", values: ["00-1B-44-11-3A-B7"] },
    // Addresses of no one device have the same form; the second is RFC 7042's for documentation.
    { text: "ff:ff:ff:ff:ff:ff 00:00:5e:00:53:01", values: ["ff:ff:ff:ff:ff:ff", "00:00:5e:00:53:01"] },
    { text: "lo 00:00:00:00:00:00", values: ["00:00:00:00:00:00"] },
  ],
  lookAlikes: [
    "00:1b:44:11:3a",
    "C0:FF:EE:C0:FF:EE:C0:FF:EE",
    "50:06:01:60:3b:20:4e:7f",
    "00:1b:44-11:3a:b7",
    "12:34:56",
    "xx:xx:xx:xx:xx:xx",
    "00:1b:44:XX:XX:XX",
    "**:**:**:11:3a:b7",
    "GG:HH:II:JJ:KK:LL",
    "x00:1b:44:11:3a:b7",
  ],
  source:
    "IEEE 802-2024 section 8.1 (EUI-48), written as there: pairs of hexadecimal digits with hyphens, or with colons",
  takes:
    "Six pairs of hexadecimal digits with one kind of separator, colon or hyphen; the broadcast address and zeros alone, too.",
  checks: "Not part of a longer row of pairs or of a word.",
  misses: "Three groups of four with dots, and addresses without separators.",
});
