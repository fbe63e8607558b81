/** `/config/batch_size`: records in one payload, at most. */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { StreamGateError } from "../../errors.ts";
import { batchSizeDefault, batchSizeMax, batchSizeMin, batchSizeSchema } from "../../manifest/manifest.ts";
import { isRecord } from "../../schema.ts";
import { errors } from "../answer.ts";
import type { RouteContext } from "./context.ts";

export function batchSizeRoutes(app: FastifyInstance, { store }: RouteContext): void {
  app.get(
    "/config/batch_size",
    {
      schema: {
        tags: ["config"],
        summary: "Batch size of the draft",
        response: {
          200: Type.Object(
            { batch_size: batchSizeSchema },
            { description: "The batch size.", examples: [{ batch_size: batchSizeDefault }] },
          ),
        },
      },
    },
    async () => ({ batch_size: store.draft.batch_size }),
  );

  app.post<{ Querystring: { size?: string } }>(
    "/config/batch_size",
    {
      schema: {
        tags: ["config"],
        summary: "Set the batch size, in the query or in the body",
        querystring: Type.Object({ size: Type.Optional(batchSizeSchema) }),
        body: Type.Optional(Type.Object({ size: batchSizeSchema }, { examples: [{ size: 500 }] })),
        response: {
          200: Type.Object(
            { status: Type.Literal("updated"), batch_size: batchSizeSchema },
            { description: "The draft's batch size.", examples: [{ status: "updated", batch_size: 500 }] },
          ),
          ...errors(413, 415, 422),
        },
      },
    },
    async ({ query, body }) => {
      const size = readSize(query.size ?? given(body));
      await store.change((draft) => ({ ...draft, batch_size: size }));
      return { status: "updated", batch_size: size };
    },
  );
}

function given(body: unknown): unknown {
  return isRecord(body) ? (body.size ?? body.batch_size) : body;
}

function readSize(value: unknown): number {
  const size = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof size === "number" && Number.isInteger(size) && size >= batchSizeMin && size <= batchSizeMax) return size;
  throw new StreamGateError("SG_MANIFEST", {
    where: "size",
    what: value === undefined || value === null ? "is missing" : "is no whole number in range",
    fix: `give a whole number from ${batchSizeMin} to ${batchSizeMax}, as ?size=100 or {"size":100}`,
  });
}
