/** Tokens of GitLab. */

import { defineDetector } from "./detector.ts";

// Put together, so that no scanner takes this file for a leak.
const personal = `gl${"pat"}-AbCdEf12_-GhIjKl3456`;
const routable = `gl${"pat"}-AbCdEf12GhIjKl3456MnOpQr.01.0w1a2b3c4`;

export const gitlabToken = defineDetector({
  name: "gitlab_token",
  title: "GitLab token",
  groups: ["secrets"],
  pattern: String.raw`(?:glpat|gloas|gldt|glrt|glcbt|glptt|glft|glimt|glagent|glsoat|glffct)-[0-9A-Za-z_-]{20,300}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?`,
  check: "token",
  positives: [
    { text: `PRIVATE-TOKEN: ${personal};`, values: [personal] },
    { text: `t=${routable}&x=1`, values: [routable] },
    // A placeholder of a token's own form is one, too.
    { text: `token: gl${"pat"}-${"x".repeat(20)}`, values: [`gl${"pat"}-${"x".repeat(20)}`] },
  ],
  lookAlikes: [
    "glpat-",
    "glpat-short",
    `x${personal}`,
    "glass-AbCdEf12GhIjKl345678",
    "glpat-<your_access_token>",
    "glpat-YOUR_TOKEN_HERE",
    "glpat-********************",
    "export TOKEN=glpat-...",
  ],
  source: "[GitLab, token prefixes](https://docs.gitlab.com/security/tokens/#token-prefixes)",
  takes:
    "The prefixes that GitLab lists with 20 to 300 letters, digits, hyphens and underscores, and the routing part behind dots.",
  checks: "The prefix, the alphabet, nothing that goes on before or behind.",
  misses:
    "Placeholders that have another form (`glpat-<your_access_token>`), of which nothing leaks; instances with a prefix of their own; tokens from before GitLab 14.5, which have none.",
});
