/** E-mail addresses. */

import { defineDetector } from "./detector.ts";

export const email = defineDetector({
  name: "email",
  title: "E-mail address",
  groups: ["pii"],
  pattern: "@[A-Za-z0-9]",
  scanner: "email",
  normal: "lower",
  positives: [
    { text: "login ada.lovelace+log@example.co.uk failed", values: ["ada.lovelace+log@example.co.uk"] },
    { text: "<grace@example.org>: rejected", values: ["grace@example.org"] },
    { text: "to=a@example.com,b@example.net;", values: ["a@example.com", "b@example.net"] },
    { text: "{'u':'x_y%z@mail.example.org'}", values: ["x_y%z@mail.example.org"] },
    { text: "o'brien@example.ie called", values: ["o'brien@example.ie"] },
    { text: "user@xn--80ak6aa92e.com", values: ["user@xn--80ak6aa92e.com"] },
    { text: "用户@example.com", values: ["用户@example.com"] },
    { text: "write to info@example.com.", values: ["info@example.com"] },
    { text: '"john doe"@example.com wrote', values: ['"john doe"@example.com'] },
  ],
  lookAlikes: [
    "user@host",
    "pkg@1.2.3",
    "actions/checkout@v4",
    "a @ b.com",
    "@handle",
    "icon@2x.png",
    "getty@tty1.service",
    "com.acme.Foo@6f2f577",
    "user@",
    "nginx@sha256:3f1a",
    "50@12.5",
    "pkg@1.0.0-rc.ab",
    '""@example.com',
  ],
  source: "RFC 5321 section 4.1.2, RFC 5322 section 3.4.1, RFC 1123 section 2.1, RFC 5890",
  takes:
    "Letters, digits and `._%+-~` (an apostrophe between letters, letters beyond ASCII next to the @) before the @, or up to 64 bytes in double quotes; a host name of two labels or more.",
  checks:
    "The last label has two or more letters, or is punycode; file names such as `icon@2x.png` systemd units and versions (`package@1.2.3-rc.ab`) are left.",
  misses: "Addresses at IP literals, host names beyond ASCII; of `a=b@host`, `a/b@host` and the like the part before.",
});
