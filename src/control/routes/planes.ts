/** `GET /planes`: the data planes that report, and what each of them runs. */

import type { FastifyInstance } from "fastify";
import { planeReportSchema } from "../../bus/plane_report.ts";
import { Type } from "../../typebox.ts";
import { errors } from "../answer.ts";
import type { RouteContext } from "./context.ts";

const example = {
  id: "gate-3f9a1c",
  state: "applied",
  program: "0.1.0",
  engine: "native",
  workers: 3,
  started_at: "2026-01-31T11:00:00.000Z",
  reported_at: "2026-01-31T12:00:05.000Z",
  running: "7",
  applied_at: "2026-01-31T12:00:00.040Z",
  took_ms: 12,
  lag_ms: 40,
};

export function planesRoutes(app: FastifyInstance, { planes, store }: RouteContext): void {
  app.get(
    "/planes",
    {
      schema: {
        tags: ["versions"],
        summary: "Data planes, and what each of them runs",
        description:
          "Those that report and have been heard of lately. One of an earlier version runs what is published and does not report.",
        response: {
          200: Type.Array(
            Type.Object({
              ...planeReportSchema.properties,
              state: Type.Union([Type.Literal("applied"), Type.Literal("refused"), Type.Literal("behind")], {
                description:
                  "applied: it runs what is published. refused: it was given that and did not take it. behind: it runs another version.",
              }),
            }),
            { description: "The data planes, by id.", examples: [[example]] },
          ),
          ...errors(503),
        },
      },
    },
    async () => (planes === undefined ? [] : planes.list(store.published?.version)),
  );
}
