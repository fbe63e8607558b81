/** IPv4 addresses. */

import { defineDetector } from "./detector.ts";

export const ipv4 = defineDetector({
  name: "ipv4",
  title: "IPv4 address",
  groups: ["pii"],
  pattern: String.raw`\d\.\d\.\d|\d\.\d\d\.\d|\d\.\d\d\d\.\d`,
  scanner: "ipv4",
  positives: [
    { text: "from 203.0.113.7 port 22", values: ["203.0.113.7"] },
    { text: "src: /10.251.70.112:39499", values: ["10.251.70.112"] },
    { text: "[192.0.2.1]", values: ["192.0.2.1"] },
    { text: "198.51.100.0/24", values: ["198.51.100.0"] },
    { text: "192.0.2.1-192.0.2.9", values: ["192.0.2.1", "192.0.2.9"] },
    { text: "192.0.2.1.443 > 192.0.2.2.51234: ack", values: ["192.0.2.1", "192.0.2.2"] },
    { text: "::ffff:192.0.2.128", values: ["192.0.2.128"] },
    { text: "ends at 192.0.2.1.", values: ["192.0.2.1"] },
    { text: "host/10.1.2.3", values: ["10.1.2.3"] },
  ],
  lookAlikes: [
    "256.1.1.1",
    "1.2.3",
    "1.2.3.4.5",
    "2.5.29.15.1.0",
    "v1.2.3.4",
    "1.2.3.4-beta",
    "app-1.2.3.4.jar",
    "Chrome/120.0.0.0",
    "libssl.so.1.1.1.1",
    "10.0.19041.1234",
    "01.02.03.04",
    "12:34:56.789",
    "1.2.3.4a",
  ],
  source: "RFC 791 section 3.2; dotted decimal as in RFC 3986 section 3.2.2",
  takes:
    "Four numbers of 0 to 255 with dots between, private and special addresses too; a port or prefix length behind it stays.",
  checks:
    "No leading zeros; not part of a longer dotted number (but for a port above 255, as tcpdump writes it) or word; not a browser's version.",
  misses:
    "Octal, hexadecimal and shortened forms; versions of four small numbers cannot be told from addresses and are taken.",
});
