/** Bearer tokens. */

import { defineDetector } from "./detector.ts";

export const bearerToken = defineDetector({
  name: "bearer_token",
  title: "Bearer token",
  groups: ["secrets"],
  pattern: String.raw`(?i)bearer[ \t+:="']`,
  scanner: "bearer_token",
  positives: [
    { text: "Authorization: Bearer mF_9.B5f-4.1JqM", values: ["mF_9.B5f-4.1JqM"] },
    { text: "authorization=bearer+c2VjcmV0c2VjcmV0MTIz", values: ["c2VjcmV0c2VjcmV0MTIz"] },
    { text: '"Proxy-Authorization":"BEARER 0a1b2c3d4e5f"', values: ["0a1b2c3d4e5f"] },
    { text: "Bearer abcDEFghiJKLmnoPQRstu.", values: ["abcDEFghiJKLmnoPQRstu"] },
    { text: '{"bearer":"a1b2c3d4e5f6a7b8"}', values: ["a1b2c3d4e5f6a7b8"] },
    { text: "bearer: a1b2c3d4e5f6a7b8", values: ["a1b2c3d4e5f6a7b8"] },
    { text: "Bearer='a1b2c3d4e5f6a7b8'", values: ["a1b2c3d4e5f6a7b8"] },
  ],
  lookAlikes: [
    "the bearer of this message",
    'WWW-Authenticate: Bearer realm="example"',
    "Bearer token is required",
    "EPS Bearer setup complete",
    "Authorization: Bearer",
    "Authorization: Bearer [REDACTED]",
    "forbearer 0a1b2c3d4e5f",
    "Authorization: Bearer $TOKEN",
    "bearer: 1234567890",
    '{"token_type":"Bearer","expires_in":3600}',
    "bearer=default",
  ],
  source: "RFC 6750 section 2.1",
  takes:
    "The token behind the word, in any case, with spaces or a form's plus between, or with a colon, an equals sign or quotes (`bearer: …`).",
  checks:
    "At least 10 characters with a digit, or 20 with letters of both cases; behind a sign 16 with a digit and a letter.",
  misses: "Shorter tokens and such of letters of one case; other schemes.",
});
