/** `GET /metrics`, `/healthz` and `/readyz`: for Prometheus, and for whoever starts and stops processes. */

import type { FastifyInstance } from "fastify";
import { Type } from "../../typebox.ts";
import { errors, RequestError } from "../answer.ts";
import type { RouteContext } from "./context.ts";

const readySchema = Type.Object(
  {
    ready: Type.Boolean(),
    failed: Type.Array(Type.String(), { description: "What fails, for people; empty when it is ready." }),
    checks: Type.Object({}, { additionalProperties: true, description: "The conditions by name." }),
  },
  { description: "Whether it is ready, and what is not." },
);
const notReady = {
  ready: false,
  failed: ["outputs: siem is over its limit"],
  checks: { listening: true, manifest: true, workers: true, outputs: false, serving: true },
};
const isReady = { ready: true, failed: [], checks: { ...notReady.checks, outputs: true } };

export function telemetryRoutes(app: FastifyInstance, { telemetry }: RouteContext): void {
  app.get(
    "/metrics",
    {
      schema: {
        tags: ["service"],
        summary: "Metrics, for Prometheus",
        description:
          "Prometheus' text format, or OpenMetrics where `Accept` prefers it. Names and units: docs/reference/metrics.md.",
        produces: ["text/plain"],
        response: {
          200: Type.String({ description: "The metrics.", examples: ["streamgate_ready 1"] }),
          ...errors(404),
        },
      },
    },
    async (request, reply) => {
      if (telemetry === undefined)
        throw new RequestError(404, { where: "/metrics", what: "this process has no metrics" });
      const { contentType, body } = await telemetry.metrics(request.headers.accept);
      return reply.header("content-type", contentType).send(body);
    },
  );

  app.get(
    "/healthz",
    {
      schema: {
        tags: ["service"],
        summary: "Alive",
        response: {
          200: Type.Object(
            { status: Type.Literal("alive") },
            { description: "The process answers.", examples: [{ status: "alive" }] },
          ),
        },
      },
    },
    async () => ({ status: "alive" }),
  );

  app.get(
    "/readyz",
    {
      schema: {
        tags: ["service"],
        summary: "Ready for traffic",
        description:
          "Listening, a manifest runs, and no output is over its limit; a process without a data plane is ready when it answers.",
        response: {
          200: { ...readySchema, examples: [isReady] },
          503: { ...readySchema, description: "Something fails.", examples: [notReady] },
        },
      },
    },
    async (_, reply) => {
      const readiness = telemetry?.readiness() ?? { ready: true, failed: [], checks: {} };
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    },
  );
}
