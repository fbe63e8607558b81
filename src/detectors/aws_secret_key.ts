/** Secret access keys of Amazon Web Services. */

import { defineDetector } from "./detector.ts";

// Put together, so that no scanner takes this file for a leak.
const key = `wJalr${"XUtnFEMI"}/K7MDENG+bPxRfiCYz83Qk1Lt5V`;

export const awsSecretKey = defineDetector({
  name: "aws_secret_key",
  title: "AWS secret access key",
  groups: ["secrets"],
  pattern: "[Ss][Ee][Cc][Rr][Ee][Tt]",
  scanner: "aws_secret_key",
  positives: [
    { text: `aws_secret_access_key = ${key}`, values: [key] },
    { text: `{"SecretAccessKey":"${key}"}`, values: [key] },
    { text: `AWS_SECRET=${key};`, values: [key] },
    { text: `secret access key: ${key}.`, values: [key] },
    { text: `secret-key=>'${key}'`, values: [key] },
  ],
  lookAlikes: [
    key,
    `commit=${key}`,
    `secret_key=${key}x`,
    `secret_key=${key.slice(1)}`,
    `secret_key=${"0123456789abcdef".repeat(3).slice(0, 40)}`,
    `secret_key=${"Ab1".repeat(14).slice(0, 40)}`,
    "secret_key=",
    "aws_secret_access_key is not set",
  ],
  source:
    "[IAM, managing access keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html); 40 characters of base64",
  takes:
    "40 letters, digits, `/` and `+` that are set to a name such as `aws_secret_access_key`, `SecretAccessKey`, `secret_key` or `AWS_SECRET`.",
  checks:
    "Upper and lower case and digits, and the diversity of twelve characters (log2(12) bits of collision entropy) or more.",
  misses: "Keys without such a name before them, session tokens.",
});
