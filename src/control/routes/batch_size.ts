/** `/config/batch_size`: records in one payload, at most. */

import type { FastifyInstance } from "fastify";
import { batchSizeDefault, batchSizeSchema } from "../../manifest/manifest.ts";
import { isRecord } from "../../schema.ts";
import { Type } from "../../typebox.ts";
import { errors } from "../answer.ts";
import { answerWithTag, editOf } from "../concurrency.ts";
import type { RouteContext } from "./context.ts";

export function batchSizeRoutes(app: FastifyInstance, { edits }: RouteContext): void {
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
    async (_, reply) => answerWithTag(reply, edits.tag, { batch_size: edits.batchSize }),
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
          ...errors(409, 412, 413, 415, 422),
        },
      },
    },
    async (request, reply) => {
      const size = await edits.setBatchSize(request.query.size ?? given(request.body), editOf(request));
      return answerWithTag(reply, edits.tag, { status: "updated", batch_size: size });
    },
  );
}

function given(body: unknown): unknown {
  return isRecord(body) ? (body.size ?? body.batch_size) : body;
}
