/** JSON log lines of about 500 bytes with nested attributes; one in ten comes from the service that the rule drops. */

import type { Line } from "./line.ts";
import { randomFrom } from "./random.ts";

const services = [
  "checkout",
  "cart",
  "login",
  "search",
  "catalogue",
  "shipping",
  "billing",
  "mail",
  "gateway",
  "audit",
];
const messages = [
  'upstream answered "connection reset by peer", trying the next one',
  "order accepted and handed to the warehouse queue",
  "cache entry expired, read again from the primary",
  "session renewed after a successful check of the second factor",
];

export function* jsonLines(lines: number): Generator<Line> {
  const random = randomFrom(20_261_125);
  for (let line = 0; line < lines; line++) {
    const record = {
      timestamp: `2026-11-23T12:00:${random.digits(2)}.${random.digits(6)}Z`,
      severity: random.pick(["DEBUG", "INFO", "INFO", "WARN", "ERROR"]),
      service: { name: random.pick(services), version: `4.${random.below(20)}.${random.below(10)}` },
      message: random.pick(messages),
      attributes: {
        "http.method": random.pick(["GET", "POST", "PUT"]),
        "http.status_code": random.pick([200, 200, 201, 404, 500]),
        "http.route": `/api/v2/orders/${random.letters(8)}/items`,
        duration_ms: random.below(90_000) / 100,
        retries: random.below(4),
        cached: random.share() < 0.5,
      },
      host: {
        name: `node-${random.below(400)}.eu-central.internal`,
        pod: `pod-${random.from("abcdef0123456789", 10)}`,
      },
      trace_id: random.from("0123456789abcdef", 32),
      span_id: random.from("0123456789abcdef", 16),
    };
    yield { text: JSON.stringify(record) };
  }
}
