/** JSON records of about 500 bytes, as a structured logger writes them, with a chosen share of hits. */

import { closeSync, openSync, writeSync } from "node:fs";
import { randomFrom } from "../corpora/random.ts";
import { seed } from "../corpora/text_lines.ts";

/** Values of the attributes that the bench's rules ask for: each is in this share of the records, and nowhere else. */
export const planted = {
  /** `tier`, among the first members. */
  early: { attribute: "tier", value: "canary-fleet" },
  /** `outcome`, the last member. */
  late: { attribute: "outcome", value: "load-shed" },
  /** `kubernetes/labels/app`. */
  nested: { path: "kubernetes/labels/app", value: "load-generator" },
} as const;

/**
 * Writes `lines` records to `path`; the planted values are in `share` of them.
 * @param escaped every record holds an escaped quote and a line end, as those with messages and stack traces do
 */
export function writeJsonRecords(path: string, lines: number, share: number, escaped: boolean): void {
  const file = openSync(path, "w");
  let text = "";
  const random = randomFrom(seed);
  const { below } = random;
  const hex = (n: number) => random.from("0123456789abcdef", n);
  for (let line = 0; line < lines; line++) {
    const hit = random.share() < share;
    text += `${JSON.stringify({
      timestamp: `2026-11-23T12:${String(below(60)).padStart(2, "0")}:${String(below(60)).padStart(2, "0")}.${below(900) + 100}Z`,
      level: ["debug", "info", "warn", "error"][below(4)],
      tier: hit ? planted.early.value : ["web", "batch", "edge-fleet"][below(3)],
      "service.name": `service-${below(17)}`,
      message: `request handled in ${below(900)} ms for account ${below(10_000)}${escaped ? ', reply "accepted"\n' : ""}, cache missed twice`,
      http: { method: "GET", status: 200 + below(300), path: `api.v1.orders.${below(100_000)}`, bytes: below(100_000) },
      kubernetes: {
        namespace: "shop",
        pod: `cart-${hex(10)}-${hex(5)}`,
        labels: { app: hit ? planted.nested.value : "cart", release: `r${below(100)}` },
      },
      trace: hex(32),
      span: hex(16),
      sampled: below(2) === 0,
      ratio: below(1000) / 1000,
      tags: ["blue", "eu-central", `shard-${below(64)}`],
      outcome: hit ? planted.late.value : ["served", "cached", "shed"][below(3)],
    })}\n`;
    if (text.length > 1 << 20 || line === lines - 1) {
      writeSync(file, text);
      text = "";
    }
  }
  closeSync(file);
}
