/** `POST /publish`: the draft becomes the next version, and data planes run it. */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { StreamGateError } from "../../errors.ts";
import { activePipeline, maskManifest, passthrough } from "../../manifest/manifest.ts";
import { type Weakening, weakenings } from "../../manifest/weakened.ts";
import { errors } from "../answer.ts";
import { type ErrorWarning, unseen } from "../sightings.ts";
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

export function publishRoutes(
  app: FastifyInstance,
  { store, publisher, check, log, live, audit, sightings }: RouteContext,
): void {
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
          ...errors(422, 500, 503),
        },
      },
    },
    async ({ ip }) => {
      const running = activePipeline(store.published ?? passthrough).processors;
      if (live !== undefined) sightings.note(running, await live.effects());
      let weakened: readonly Weakening[] = [];
      let errorsHit: readonly ErrorWarning[] = [];
      const { manifest, warnings, result } = await store.publish(check, async (next) => {
        // Publications run one after the other: what is published now is what this one follows.
        const { processors: before } = activePipeline(store.published ?? passthrough);
        const { processors: after } = activePipeline(next);
        weakened = weakenings(before, after);
        errorsHit = live === undefined ? unseen(before, after) : sightings.warnings(before, after);
        const versions = { from: store.published?.version ?? null, to: next.version };
        const who = { address: ip };
        await audit.append([
          {
            action: "publish",
            what: { rules: after.length, warnings: errorsHit.map(({ rule }) => rule) },
            who,
            versions,
          },
          ...weakened.map(({ rule, how }) => ({ action: "weaken" as const, what: { rule, how }, who, versions })),
        ]);
        try {
          return await publisher.publish(next);
        } catch (error) {
          const code = error instanceof StreamGateError ? error.code : null;
          await audit.append([{ action: "publish_refused", what: { code }, who, versions }]);
          throw error;
        }
      });
      for (const warning of warnings) log.warn(`version ${manifest.version}: ${warning}`);
      const { processors, outputs } = activePipeline(manifest);
      const counts = [
        counted(processors.length, "rule"),
        counted(outputs.length, "output"),
        `${counted(result.subscribersNotified, "data plane")} notified`,
      ];
      log.info(`published version ${manifest.version}: ${counts.join(", ")}`);
      for (const { rule, what } of weakened)
        log.warn(`version ${manifest.version} weakens rule ${JSON.stringify(rule)}: ${what}`);
      for (const { rule, what } of errorsHit)
        log.warn(`version ${manifest.version} enforces rule ${JSON.stringify(rule)}: ${what}`);
      return {
        status: "published",
        manifest: maskManifest(manifest),
        subscribers_notified: result.subscribersNotified,
        warnings: errorsHit,
        weakened,
      };
    },
  );
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
