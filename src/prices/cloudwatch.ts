/** Amazon CloudWatch Logs: a price for what comes in, none for events. */

import type { PriceList } from "./price.ts";

export const cloudwatch: PriceList = {
  vendor: "cloudwatch",
  outputTypes: ["cloudwatch"],
  perGbUsd: 0.5,
  perMillionEventsUsd: 0,
  description:
    "Ingestion of the standard class in us-east-1. Storage ($0.03 a GB and month, compressed) and queries come on top; other regions cost up to half as much again.",
  source: "https://aws.amazon.com/cloudwatch/pricing/",
  asOf: "2026-11-26, as https://c3x.dev/blog/cloudwatch-logs-cost-optimization repeats it",
};
