/** `/manifest`: the published configuration whole, for those who keep it in a repository. */

import type { FastifyInstance } from "fastify";
import { passthrough } from "../../manifest/manifest.ts";
import { Type } from "../../typebox.ts";
import { errors } from "../answer.ts";
import { answerWithTag } from "../concurrency.ts";
import { publishedAnswer, putSchema } from "../publication_answer.ts";
import { publicationFields, publicationOptionsOf } from "../publication_request.ts";
import type { RouteContext } from "./context.ts";

const manifestSchema = Type.Object(
  {
    version: Type.Optional(
      Type.Union([Type.String(), Type.Number()], { description: "Given anew: it may be absent." }),
    ),
    timestamp: Type.Optional(Type.Union([Type.String(), Type.Number()], { description: "Given anew as well." })),
    pipelines: Type.Array(Type.Object({}, { additionalProperties: true }), {
      minItems: 1,
      description: "The first one runs: name, processors (rules), outputs, batch_size. Others are kept.",
    }),
  },
  {
    additionalProperties: true,
    description: "A manifest. Fields that nobody knows are kept. Secrets are shown as ***.",
    examples: [{ ...passthrough, version: "7" }],
  },
);

export function manifestRoutes(app: FastifyInstance, { publication }: RouteContext): void {
  app.get(
    "/manifest",
    {
      schema: {
        tags: ["publish"],
        summary: "The published manifest",
        description:
          "Before the first publication: one that lets every record pass to the console, of version 0. Its ETag is of the draft and the published version together.",
        response: { 200: manifestSchema },
      },
    },
    async (_, reply) => answerWithTag(reply, publication.tag, publication.manifest),
  );

  app.put(
    "/manifest",
    {
      schema: {
        tags: ["publish"],
        summary: "Publish a manifest that is given whole",
        description:
          "The draft becomes the same. A secret that is sent back as it was shown, ***, stays what it is in the output of the same id. When all of it is published already, there is no new version. With If-Match it is refused when somebody has written in between.",
        querystring: Type.Object(publicationFields),
        body: manifestSchema,
        response: { 200: putSchema, ...errors(400, 409, 412, 413, 415, 422, 500, 503) },
      },
    },
    async (request, reply) => {
      const published = await publication.put(request.body, publicationOptionsOf(request, undefined));
      return answerWithTag(reply, published.tag, publishedAnswer(published));
    },
  );
}
