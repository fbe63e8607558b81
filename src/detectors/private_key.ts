/** Private keys in PEM. */

import { defineDetector } from "./detector.ts";

const line = "MC4CAQAwBQYDK2VwBCIEIJ7vQ0Zk3nT1pWm8sUaXr5LdHf2YgBc9eKoNtMqRjPwA";

export const privateKey = defineDetector({
  name: "private_key",
  title: "Private key in PEM",
  groups: ["secrets"],
  pattern: "-----BEGIN",
  scanner: "private_key",
  positives: [
    {
      text: `pem: -----BEGIN PRIVATE KEY----- ${line} -----END PRIVATE KEY----- end`,
      values: [`-----BEGIN PRIVATE KEY----- ${line} -----END PRIVATE KEY-----`],
    },
    {
      text: `-----BEGIN RSA PRIVATE KEY-----\\n${line}\\n${line}\\n-----END RSA PRIVATE KEY-----\\n`,
      values: [`-----BEGIN RSA PRIVATE KEY-----\\n${line}\\n${line}\\n-----END RSA PRIVATE KEY-----`],
    },
    {
      text: `cut -----BEGIN EC PRIVATE KEY-----\\n${line}\\nMHcC`,
      values: [`-----BEGIN EC PRIVATE KEY-----\\n${line}\\nMHcC`],
    },
    {
      text: `-----BEGIN PGP PRIVATE KEY BLOCK-----\\n\\n${line}\\n=njUN\\n-----END PGP PRIVATE KEY BLOCK-----`,
      values: [`-----BEGIN PGP PRIVATE KEY BLOCK-----\\n\\n${line}\\n=njUN\\n-----END PGP PRIVATE KEY BLOCK-----`],
    },
    {
      text: "key=-----BEGIN+RSA+PRIVATE+KEY-----MC4CAQAwBQYDK2VwBCIEIICIR8gBKoFJvHWozwwckM4h-----END+RSA+PRIVATE+KEY-----&x=1",
      values: [
        "-----BEGIN+RSA+PRIVATE+KEY-----MC4CAQAwBQYDK2VwBCIEIICIR8gBKoFJvHWozwwckM4h-----END+RSA+PRIVATE+KEY-----",
      ],
    },
    {
      text: "x = '-----BEGIN PRIVATE KEY-----' + 'MC4CAQAwBQYDK2VwBCIEIICIR8gBKoFJvHWozwwckM4h' + '-----END PRIVATE KEY-----'",
      values: [
        "-----BEGIN PRIVATE KEY-----' + 'MC4CAQAwBQYDK2VwBCIEIICIR8gBKoFJvHWozwwckM4h' + '-----END PRIVATE KEY-----",
      ],
    },
  ],
  lookAlikes: [
    "-----BEGIN PRIVATE KEY-----",
    "expected -----BEGIN RSA PRIVATE KEY----- in file /etc/key.pem",
    `-----BEGIN CERTIFICATE----- ${line} -----END CERTIFICATE-----`,
    `-----BEGIN PUBLIC KEY----- ${line} -----END PUBLIC KEY-----`,
    "PRIVATE KEY",
    '"-----BEGIN PRIVATE KEY-----" and "-----END PRIVATE KEY-----"',
  ],
  source: "RFC 7468 sections 10 and 11, RFC 5958, RFC 1421 (headers), RFC 9580 section 6.2 (PGP)",
  takes:
    "From the BEGIN line to the END line, whatever stands for line ends: as they are, `\\n` escaped once or more often, spaces, tabs, nothing, or the quotes and commas of a list or of source text; one that is cut off as far as it goes, up to 64 KiB.",
  checks: "The label says PRIVATE KEY, and at least 24 characters of base64 in a row follow.",
  misses:
    "Keys in DER, PuTTY's and SSH2's own formats, one that is cut off and has something else than line ends between its lines, lines of a key that arrive as records of their own.",
});
