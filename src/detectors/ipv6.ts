/** IPv6 addresses. */

import { defineDetector } from "./detector.ts";

export const ipv6 = defineDetector({
  name: "ipv6",
  title: "IPv6 address",
  groups: ["pii"],
  pattern: "::|[0-9A-Fa-f:.]{15}",
  scanner: "ipv6",
  normal: "lower",
  positives: [
    { text: "peer 2001:db8:85a3:0:0:8a2e:370:7334 closed", values: ["2001:db8:85a3:0:0:8a2e:370:7334"] },
    { text: "dial [2001:db8::1]:443", values: ["2001:db8::1"] },
    { text: "fe80::1%eth0", values: ["fe80::1"] },
    { text: "2001:DB8::/32", values: ["2001:DB8::"] },
    { text: "::ffff:192.0.2.128", values: ["::ffff:192.0.2.128"] },
    { text: "on ::1.", values: ["::1"] },
    { text: "ip:2001:db8::1, iface:2001:db8::2: up", values: ["2001:db8::1", "2001:db8::2"] },
    { text: "64:ff9b:1::c000:201", values: ["64:ff9b:1::c000:201"] },
    { text: "ip:::ffff:192.0.2.7", values: ["::ffff:192.0.2.7"] },
    { text: "ip6:2001:db8:1::/48", values: ["2001:db8:1::"] },
    { text: "IP6 fe80::1.546 > ff02::1:2.547: dhcp6 solicit", values: ["fe80::1", "ff02::1:2"] },
    { text: "route fe80::: down", values: ["fe80::"] },
  ],
  lookAlikes: [
    "std::vector",
    "abc::def",
    "File::Find",
    "::",
    "12:34:56",
    "00:1b:44:11:3a:b7",
    "50:06:01:60:3b:20:4e:7f",
    "2001:db8::1::2",
    "12345::1",
    "gggg::1",
    "1::2",
    "2001:db8::256.1.1.1",
    "1:2:3:4:5:6:7",
    "fe80::1text",
    "arn:aws:s3:::bucket",
    "::1.2",
    "x\\nad27:6ec:d66e:bc7b:8afe:f7a9:d3d1:df35:a4b4",
  ],
  source: "RFC 4291 section 2.2, RFC 5952",
  takes:
    "All textual forms, with an IPv4 tail too; a zone, a prefix length or a port behind it (behind a dot, too, as tcpdump writes it) stays.",
  checks:
    "The grammar; at least one decimal digit; not part of a word; not eight pairs of digits (an EUI-64 or world wide name).",
  misses:
    "`::` alone, addresses of hexadecimal letters only, compressed ones with a first group of one or two digits and fewer than three groups.",
});
