/** `GET /status`: one page about what runs now, for people and for tests that want to know what became of each record. */

import type { FastifyInstance } from "fastify";
import { Type } from "../../typebox.ts";
import { errors, RequestError } from "../answer.ts";
import { statusOf } from "../status_page.ts";
import type { RouteContext } from "./context.ts";

const exampleStatus = {
  version: "7",
  received: { records: 1000, bytes: 180_000 },
  imbalance: 0,
  outputs: { "http-f1cd04": { routed: { records: 600, bytes: 100_000 }, breaker: "closed" } },
};

export function statusRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get(
    "/status",
    {
      schema: {
        tags: ["service"],
        summary: "What runs, and what became of each record",
        description:
          "Counts in records and bytes since the start; for each output `passed = filtered + routed` and `recovered + routed = delivered + queued + spooled + dead_lettered + lost`. `imbalance` is by how much the account is off: 0 whenever nothing is under way. See docs/status.md.",
        response: {
          200: Type.Object({}, { additionalProperties: true, description: "The status.", examples: [exampleStatus] }),
          ...errors(404),
        },
      },
    },
    async () => {
      const status = await statusOf(context);
      if (status !== undefined) return status;
      throw new RequestError(404, {
        where: "/status",
        what: "this process runs no data plane",
        fix: "ask a data plane at its admin port: GET /status on ADMIN_PORT (9464) of streamgate data",
      });
    },
  );
}
