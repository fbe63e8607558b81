/** Tokens of GitHub. */

import { defineDetector } from "./detector.ts";

const fine = "github_pat_11ABCDEFG0abcdefghijkl_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw";

export const githubToken = defineDetector({
  name: "github_token",
  title: "GitHub token",
  groups: ["secrets"],
  pattern: "gh[pousr]_[A-Za-z0-9]{20}|github_pat_",
  scanner: "github_token",
  positives: [
    {
      text: "https://x:ghp_R7mXq2LwZ9cVt4KpBd8Nf1HsYj6Ga30ne5Ub@host",
      values: ["ghp_R7mXq2LwZ9cVt4KpBd8Nf1HsYj6Ga30ne5Ub"],
    },
    { text: `t=${fine};`, values: [fine] },
    { text: "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", values: ["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"] },
  ],
  lookAlikes: [
    "ghp_",
    "ghx_R7mXq2LwZ9cVt4KpBd8Nf1HsYj6Ga30ne5Ub",
    "ghp_R7mXq2LwZ9cVt4KpBd8Nf1HsYj",
    "ghp-R7mXq2LwZ9cVt4KpBd8Nf1HsYj6Ga30ne5Ub",
    "gho_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "high_resolution_mode_enabled_for_everyone_1",
    "xghp_R7mXq2LwZ9cVt4KpBd8Nf1HsYj6Ga30ne5Ub",
  ],
  source:
    "[GitHub's token formats](https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats); checksum: github.blog, Behind GitHub's new authentication token formats (2021)",
  takes:
    "ghp_, gho_, ghu_, ghs_ and ghr_ with 36 letters and digits or more, and github_pat_ with 82 letters, digits and underscores.",
  checks:
    "The CRC-32 in the last six characters, or at least eight different characters: a token whose checksum is wrong is taken unless it is a placeholder, since one that was cut and padded, or made by a server of one's own, is as secret.",
  misses: "Tokens from before April 2021 (40 hexadecimal digits).",
});
