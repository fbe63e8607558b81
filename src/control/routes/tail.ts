/** `GET /tail`: a sample of the records that pass, as they pass. */

import type { FastifyInstance } from "fastify";
import { Type } from "../../typebox.ts";
import { errors, RequestError } from "../answer.ts";
import { endWhenRefused } from "../auth/guarded.ts";
import { answerTail, rateDefault, rateMax, readTailQuery } from "../tail.ts";
import type { RouteContext } from "./context.ts";

const example = { kind: "record", time: "2026-01-31T12:00:00.000Z", text: "INFO paid with [credit_card]" };

export function tailRoutes(app: FastifyInstance, { tails }: RouteContext): void {
  app.get<{ Querystring: Record<string, string | string[] | undefined> }>(
    "/tail",
    {
      schema: {
        tags: ["service"],
        summary: "Look on while records pass: a sample, after redaction",
        description:
          "NDJSON that does not end by itself. Absent rule and output: what leaves the rules. What is shown never holds what a protect rule of the draft or of the published manifest, or any detector, finds. See docs/cli.md.",
        querystring: Type.Object({
          rule: Type.Optional(
            Type.String({ description: "Id: only records that this rule acts on, dropped ones too." }),
          ),
          output: Type.Optional(Type.String({ description: "Id: only records that go to this output." })),
          rate: Type.Optional(
            Type.Number({
              minimum: 0.1,
              maximum: rateMax,
              default: rateDefault,
              description: "Records a second, at most.",
            }),
          ),
        }),
        produces: ["application/x-ndjson"],
        response: {
          200: Type.Object(
            {
              kind: Type.Union(
                (["record", "seen", "skipped", "gone"] as const).map((kind) => Type.Literal(kind)),
                {
                  description:
                    "seen: of how many records these are a sample, once a second. skipped: the reader was too slow. gone: the rule or output is not published any more.",
                },
              ),
              time: Type.String(),
              text: Type.Optional(
                Type.String({ description: "Of a record; absent: a protect rule keeps it from being shown." }),
              ),
              records: Type.Optional(Type.Integer({ description: "Of seen and skipped: how many." })),
              shown: Type.Optional(Type.Integer({ description: "Of seen: how many of them." })),
              what: Type.Optional(Type.String({ description: "Of gone: the sentence for people." })),
            },
            { description: "A line.", examples: [example] },
          ),
          ...errors(404, 422, 429, 501),
        },
      },
    },
    async (request, reply) => {
      if (tails === undefined)
        throw new RequestError(501, {
          where: "/tail",
          what: "this process runs no data plane, so no record passes here",
          fix: "ask a gate that runs both planes (streamgate run), or a data plane's admin port from its own machine",
        });
      const query = readTailQuery(request.query);
      // Headers that guards have set go with what is written past Fastify.
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value);
      answerTail(tails, query, request.raw, reply.raw);
      endWhenRefused(request, reply.raw, () => reply.raw.end());
      reply.hijack();
    },
  );
}
