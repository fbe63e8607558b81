/** Tokens of Slack. */

import { defineDetector } from "./detector.ts";

// Put together, so that no scanner takes this file for a leak.
const bot = `xo${"xb"}-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx`;
const app = `xa${"pp"}-1-A0123456789-1234567890123-0123456789abcdef0123456789abcdef`;

export const slackToken = defineDetector({
  name: "slack_token",
  title: "Slack token",
  groups: ["secrets"],
  pattern: "(?:xox[abeoprs]|xapp)-[0-9A-Za-z-]{20,250}",
  check: "token",
  positives: [
    { text: `token=${bot}&channel=c`, values: [bot] },
    { text: `"${bot}" ${app}.`, values: [bot, app] },
  ],
  lookAlikes: ["xoxb-", "xoxz-123456789012-1234567890123-AbCdEfGh", `a${bot}`, "xoxb-your-token-here", `${bot}_x`],
  source: "[Slack, token types](https://docs.slack.dev/authentication/tokens)",
  takes:
    "`xoxa-`, `xoxb-`, `xoxe-`, `xoxo-`, `xoxp-`, `xoxr-`, `xoxs-` and `xapp-` with 20 to 250 letters, digits and hyphens.",
  checks: "The prefix, the alphabet, nothing that goes on before or behind.",
  misses: "Webhook URLs; refresh tokens with a dot in them, of which the part before the dot is taken.",
});
