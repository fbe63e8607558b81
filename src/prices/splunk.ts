/** Splunk Cloud Platform, ingest pricing: a yearly price for each gigabyte a day, none for events. */

import type { PriceList } from "./price.ts";

/** For each gigabyte a day, in a year, at 1 to 10 GB a day: the upper end of what is told. */
const perGbADayAYearUsd = 1800;
const daysOfYear = 365;

export const splunk: PriceList = {
  vendor: "splunk",
  outputTypes: ["splunk_hec"],
  perGbUsd: Math.round((perGbADayAYearUsd / daysOfYear) * 100) / 100,
  perMillionEventsUsd: 0,
  description:
    "Ingest pricing of a small licence, $1,800 a year for a gigabyte a day, used fully. Splunk publishes no list: large licences cost a quarter and less, and workload pricing counts no bytes. Give your own.",
  source: "https://www.splunk.com/en_us/products/pricing/ingest-pricing.html",
  asOf: "2026-11-26, as https://ogma.in/blog/the-complete-guide-to-splunk-licensing-in-2026-ingest-vs-workload-pricing-explained estimates it",
};
