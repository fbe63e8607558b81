/** Secret keys of Stripe. */

import { defineDetector } from "./detector.ts";

// Put together, so that no scanner takes this file for a leak.
const secret = `sk_${"live"}_4eC39HqLyjWDarjtT1zdp7dc`;
const restricted = `rk_${"test"}_51Hb2sT0kenF0rTests99`;

export const stripeKey = defineDetector({
  name: "stripe_key",
  title: "Stripe secret key",
  groups: ["secrets"],
  pattern: "(?:sk|rk)_(?:live|test|prod)_[0-9A-Za-z]{10,250}|whsec_[0-9A-Za-z]{32,64}",
  check: "token",
  positives: [
    { text: `curl -u ${secret}: https://api.example.com`, values: [secret] },
    { text: `a=${secret},b=${restricted}`, values: [secret, restricted] },
    // A placeholder of a key's own form is one, too.
    { text: `key = "sk_${"test"}_${"X".repeat(24)}"`, values: [`sk_${"test"}_${"X".repeat(24)}`] },
  ],
  lookAlikes: [
    "sk_live_",
    "pk_live_4eC39HqLyjWDarjtT1zdp7dc",
    `x${secret}`,
    "task_test_environment",
    "sk_test_short",
    "sk_test_...",
    "sk_test_<your_key>",
    "sk_test_your_key_here",
    "sk_live_****************4242",
    "whsec_...",
  ],
  source: "[Stripe, API keys](https://docs.stripe.com/keys)",
  takes:
    "`sk_` and `rk_` with `live`, `test` or `prod` and 10 to 250 letters and digits; signing secrets `whsec_` with 32 to 64.",
  checks: "The prefix, the alphabet, nothing that goes on before or behind.",
  misses: "Publishable keys (`pk_`), which are no secrets; placeholders that have another form (`sk_test_...`).",
});
