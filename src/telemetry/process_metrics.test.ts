/** Metrics of the process itself: what a scraper would not take. */

import { expect, it } from "vitest";
import { exposition } from "./exposition.ts";
import { readMetric } from "./metric.ts";
import { processMetrics } from "./process_metrics.ts";

it("tell each certificate's end once, the earliest, however many gates of the process show one of that setting", async () => {
  const certificates = [
    { setting: "TLS_CERT", expiresAtMs: 3_000 },
    { setting: "TLS_CERT", expiresAtMs: 2_000 },
    { setting: "CONTROL_TLS_CERT", expiresAtMs: 1_000 },
  ];
  const facts = { engine: { name: "", description: "" }, certificates, logged: { lines: {}, heldBack: 0 } };
  const { body } = await exposition(
    processMetrics.map((metric) => readMetric(metric, facts)),
    undefined,
  );
  const lines = body.split("\n").filter((line) => line.startsWith("streamgate_tls_certificate"));
  expect(lines.map((line) => line.replace(/.*certificate=/, ""))).toEqual(['"TLS_CERT"} 2', '"CONTROL_TLS_CERT"} 1']);
});
