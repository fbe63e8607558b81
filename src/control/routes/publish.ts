/** `POST /publish`: the draft becomes the next version, and data planes run it. */

import type { FastifyInstance } from "fastify";
import { Type } from "../../typebox.ts";
import { errors } from "../answer.ts";
import { answerWithTag } from "../concurrency.ts";
import { publishedAnswer, publishedSchema } from "../publication_answer.ts";
import { publicationFields, publicationOptionsOf } from "../publication_request.ts";
import type { RouteContext } from "./context.ts";

export function publishRoutes(app: FastifyInstance, { publication }: RouteContext): void {
  app.post(
    "/publish",
    {
      schema: {
        tags: ["publish"],
        summary: "Publish the draft",
        description:
          "In one process this answers when every worker runs the new manifest, so the next line sent is treated by it. Over Redis it answers when the notice is out, or with `wait` when data planes run it. When it is refused nothing changes.",
        querystring: Type.Object(publicationFields),
        body: Type.Optional(Type.Object(publicationFields, { examples: [{ comment: "less noise from the cart" }] })),
        response: { 200: publishedSchema, ...errors(409, 412, 413, 415, 422, 500, 503) },
      },
    },
    async (request, reply) => {
      const published = await publication.publish(publicationOptionsOf(request, request.body));
      return answerWithTag(reply, published.tag, publishedAnswer(published));
    },
  );
}
