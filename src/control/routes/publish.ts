/** `POST /publish`: the draft becomes the next version, and data planes run it. */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { activePipeline, maskManifest, passthrough } from "../../manifest/manifest.ts";
import { errors } from "../answer.ts";
import type { RouteContext } from "./context.ts";

export function publishRoutes(app: FastifyInstance, { store, publisher, check, log }: RouteContext): void {
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
                },
              ],
            },
          ),
          ...errors(422, 503),
        },
      },
    },
    async () => {
      const { manifest, warnings, result } = await store.publish(check, (next) => publisher.publish(next));
      for (const warning of warnings) log.warn(`version ${manifest.version}: ${warning}`);
      const { processors, outputs } = activePipeline(manifest);
      const counts = [
        counted(processors.length, "rule"),
        counted(outputs.length, "output"),
        `${counted(result.subscribersNotified, "data plane")} notified`,
      ];
      log.info(`published version ${manifest.version}: ${counts.join(", ")}`);
      return {
        status: "published",
        manifest: maskManifest(manifest),
        subscribers_notified: result.subscribersNotified,
      };
    },
  );
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
