/** Bearer tokens. */

import { defineDetector } from "./detector.ts";

export const bearerToken = defineDetector({
  name: "bearer_token",
  title: "Bearer token",
  groups: ["secrets"],
  pattern: String.raw`(?i)bearer[ \t+]`,
  scanner: "bearer_token",
  positives: [
    { text: "Authorization: Bearer mF_9.B5f-4.1JqM", values: ["mF_9.B5f-4.1JqM"] },
    { text: "authorization=bearer+c2VjcmV0c2VjcmV0MTIz", values: ["c2VjcmV0c2VjcmV0MTIz"] },
    { text: '"Proxy-Authorization":"BEARER 0a1b2c3d4e5f"', values: ["0a1b2c3d4e5f"] },
    { text: "Bearer abcDEFghiJKLmnoPQRstu.", values: ["abcDEFghiJKLmnoPQRstu"] },
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
  ],
  source: "RFC 6750 section 2.1",
  takes: "The token behind the word, in any case, with spaces or a form's plus between.",
  checks: "At least 10 characters with a digit, or 20 with letters of both cases.",
  misses: "Shorter tokens and such of letters of one case; other schemes.",
});
