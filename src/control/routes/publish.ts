/** `POST /publish`: the draft becomes the next version, and data planes run it. */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { passthrough } from "../../manifest/manifest.ts";
import { errors } from "../answer.ts";
import { answerWithTag, editOf } from "../concurrency.ts";
import type { RouteContext } from "./context.ts";
import { warningSchema } from "./effect.ts";

const weakenedSchema = Type.Object({
  rule: Type.String({ description: "Id of the rule." }),
  how: Type.Union(
    (["deleted", "disabled", "shadowed", "narrowed", "unprotected", "changed", "moved"] as const).map((how) =>
      Type.Literal(how),
    ),
    {
      description:
        "narrowed: its condition was added or changed. unprotected: it may be skipped under load. moved: behind a redact that may leave it less to find.",
    },
  ),
  what: Type.String({ description: "The sentence for people." }),
});

export function publishRoutes(app: FastifyInstance, { publication }: RouteContext): void {
  app.post(
    "/publish",
    {
      config: { bodyIgnored: true },
      schema: {
        tags: ["publish"],
        summary: "Publish the draft",
        description:
          "In one process this answers when every worker runs the new manifest, so the next line sent is treated by it. Over Redis it answers when the notice is out. When it is refused nothing changes.",
        response: {
          200: Type.Object(
            {
              status: Type.Literal("published"),
              manifest: Type.Object(
                {},
                {
                  additionalProperties: true,
                  description: "What data planes run from now on; secrets are shown as ***.",
                },
              ),
              subscribers_notified: Type.Integer({ description: "Data planes that were told." }),
              warnings: Type.Array(warningSchema, {
                description:
                  "Rules that are enforced from now on and were seen, in shadow, to act on errors; or of which nobody here has seen it.",
              }),
              weakened: Type.Array(weakenedSchema, {
                description: "Rules that protect less than before. Allowed, and written to the audit file.",
              }),
            },
            {
              description: "The draft is published.",
              examples: [
                {
                  status: "published",
                  manifest: {
                    ...passthrough,
                    version: "7",
                    timestamp: "2026-01-31T12:00:00.000Z",
                  },
                  subscribers_notified: 1,
                  warnings: [],
                  weakened: [{ rule: "redact_ssn", how: "disabled", what: "the rule is switched off" }],
                },
              ],
            },
          ),
          ...errors(412, 422, 500, 503),
        },
      },
    },
    async (request, reply) => {
      const { status, manifest, subscribersNotified, warnings, weakened, tag } = await publication.publish(
        editOf(request),
      );
      return answerWithTag(reply, tag, {
        status,
        manifest,
        subscribers_notified: subscribersNotified,
        warnings,
        weakened,
      });
    },
  );
}
