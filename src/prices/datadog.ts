/** Datadog Log Management: a price for what comes in, and a larger one for what is indexed. */

import type { PriceList } from "./price.ts";

export const datadog: PriceList = {
  vendor: "datadog",
  outputTypes: ["datadog"],
  perGbUsd: 0.1,
  perMillionEventsUsd: 1.7,
  description:
    "Ingestion, and indexing of every event with 15 days of retention, billed annually. Events that an exclusion filter keeps from the index cost less; billed on demand they cost $2.55 a million.",
  source: "https://www.datadoghq.com/pricing/?product=log-management",
  asOf: "2026-11-26, as https://www.doit.com/blog/datadog-pricing-explained repeats it",
};
