/** API keys of Google Cloud. */

import { defineDetector } from "./detector.ts";

// Put together, so that no scanner takes this file for a leak.
const key = `AI${"za"}SyD3mOckKeyF0rTests_Only-1234567890`;

export const gcpKey = defineDetector({
  name: "gcp_key",
  title: "Google API key",
  groups: ["secrets"],
  pattern: "AIza[0-9A-Za-z_-]{35}",
  check: "token",
  positives: [
    { text: `GET /maps?key=${key}&v=3`, values: [key] },
    { text: `{"apiKey":"${key}"}`, values: [key] },
  ],
  lookAlikes: [key.slice(0, -1), `${key}x`, `x${key}`, "AIza"],
  source: "[Google Cloud, API keys](https://cloud.google.com/docs/authentication/api-keys); 39 characters",
  takes: "`AIza` and 35 letters, digits, hyphens and underscores.",
  checks: "The alphabet and the length, nothing that goes on before or behind.",
  misses: "Keys of service accounts (their `private_key` is found by that detector), OAuth tokens.",
});
