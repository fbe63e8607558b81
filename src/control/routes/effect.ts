/** `/rules/{id}/effect` and `/rules/{id}/promote`: what a rule in shadow would have done, and its way out of the shadow. */

import type { FastifyInstance } from "fastify";
import { activePipeline, passthrough, type Rule } from "../../manifest/manifest.ts";
import { Type } from "../../typebox.ts";
import { errors, RequestError } from "../answer.ts";
import { maySeeRecords } from "../auth/guarded.ts";
import { answerWithTag, editOf } from "../concurrency.ts";
import { effectOf, missing } from "../effect_of_rule.ts";
import { draftTag, requireMatch } from "../revision.ts";
import { unseen } from "../sightings.ts";
import type { RouteContext } from "./context.ts";

const byId = Type.Object({ id: Type.String({ description: "Rule id." }) });

export const warningSchema = Type.Object(
  {
    rule: Type.String({ description: "Id of the rule." }),
    kind: Type.Union([Type.Literal("hits_errors"), Type.Literal("effect_unknown")], {
      description: "effect_unknown: with planes split over Redis nobody here has seen what it did in shadow.",
    }),
    records: Type.Optional(
      Type.Integer({ description: "Of hits_errors: records that said they were an error or worse." }),
    ),
    since: Type.Optional(Type.String({ description: "Since when they were counted." })),
    what: Type.String({ description: "The sentence for people." }),
  },
  { description: "An enforced rule that was seen, in shadow, to act on errors, or of which nobody has seen it." },
);

const exampleWarning = {
  rule: "drop_debug",
  kind: "hits_errors",
  records: 10_000,
  since: "2026-11-26T12:00:00.000Z",
  what: 'in shadow since 2026-11-26T12:00:00.000Z it would have acted on 10000 records that say they are an error or worse; "when":{"not":{"severity":{"at_least":"ERROR"}}} on the rule spares them',
};

const amount = Type.Object(
  {
    records: Type.Integer(),
    bytes: Type.Integer({ description: "As received." }),
    usd_a_month: Type.Optional(
      Type.Number({ description: "Dollars a month at this rate; of a rule that drops records." }),
    ),
  },
  { description: "Records that it would have acted on." },
);

const effectSchema = Type.Object(
  {
    rule: Type.String({ description: "Id." }),
    mode: Type.Union([Type.Literal("shadow"), Type.Literal("enforce")], { description: "As it runs." }),
    version: Type.String({ description: "Version of the manifest that runs." }),
    draft_differs: Type.Boolean({ description: "True: the draft has another rule under this id, or none." }),
    since: Type.String({ description: "Since when it counts: a rule that is published unchanged goes on counting." }),
    hours: Type.Number({ description: "The same, as hours until now." }),
    records: Type.Optional(
      Type.Integer({
        description: "Records that it would have acted on; enforced: that it acted on, absent for a route.",
      }),
    ),
    bytes: Type.Optional(Type.Integer({ description: "Their bytes, as received." })),
    saved_bytes: Type.Optional(
      Type.Integer({ description: "Bytes that would not have left; less than 0: it would have added some." }),
    ),
    error_or_above: Type.Optional(
      Type.Integer({ description: "Of the records, those that say they are an error or worse." }),
    ),
    a_month: Type.Optional(
      Type.Object(
        {
          records: Type.Integer({ description: "That would not have left." }),
          bytes: Type.Integer(),
          usd: Type.Number({ description: "Dollars at all outputs together." }),
          by_output: Type.Array(
            Type.Object({
              output: Type.String({ description: "Id." }),
              usd: Type.Number(),
              share: Type.Object(
                { records: Type.Number(), bytes: Type.Number() },
                { description: "What its filter and routes let through of all that passes: 0 to 1." },
              ),
              per_gb_usd: Type.Number({ description: "Dollars for 10^9 bytes." }),
              per_million_events_usd: Type.Number(),
              price_from: Type.String({
                description: "Whose price it is: the output's own, its vendor's list, the setting PRICES, or nobody's.",
              }),
            }),
          ),
        },
        { description: "What it would save in 730 hours at this rate." },
      ),
    ),
    by_severity: Type.Optional(Type.Record(Type.String(), amount, { description: "Worst first." })),
    by_service: Type.Optional(
      Type.Array(Type.Object({ service: Type.Union([Type.String(), Type.Null()]), ...amount.properties }), {
        description: "At most 64, most first, then the others together; null: records that name none.",
      }),
    ),
    dropped: Type.Optional(
      Type.Object({ records: Type.Integer(), bytes: Type.Integer() }, { description: "Enforced: what it dropped." }),
    ),
    examples: Type.Optional(
      Type.Array(Type.String(), {
        description: "Up to 20 of the records, without what protect rules and detectors find in them.",
      }),
    ),
    examples_withheld: Type.Optional(
      Type.Integer({
        description:
          "Further ones that are not shown: too long, a protect rule keeps them back, or the token's role is read.",
      }),
    ),
    flags: Type.Array(Type.Union([Type.Literal("matched_nothing_24h"), Type.Literal("matches_everything")]), {
      description:
        "matched_nothing_24h: it acted on nothing for a day; matches_everything: a redact that changes every record that reaches it.",
    }),
    note: Type.String({ description: "How to read it." }),
  },
  {
    description: "The effect.",
    examples: [
      {
        rule: "drop_debug",
        mode: "shadow",
        version: "7",
        draft_differs: false,
        since: "2026-11-26T12:00:00.000Z",
        hours: 1,
        records: 400_000,
        bytes: 40_000_000,
        saved_bytes: 40_000_000,
        error_or_above: 10_000,
        a_month: { records: 292_000_000, bytes: 29_200_000_000, usd: 499.32, by_output: [] },
        by_severity: {
          error: { records: 10_000, bytes: 1_000_000, usd_a_month: 12.48 },
          debug: { records: 390_000, bytes: 39_000_000, usd_a_month: 486.84 },
        },
        by_service: [{ service: "checkout", records: 400_000, bytes: 40_000_000, usd_a_month: 499.32 }],
        examples: ["DEBUG cache miss for user [email]"],
        examples_withheld: 0,
        flags: [],
        note: "as if it alone were enforced in its place: effects of several rules in shadow do not add",
      },
    ],
  },
);

export function effectRoutes(app: FastifyInstance, context: RouteContext): void {
  const { store, evaluate, live, audit, sightings, price, log } = context;

  app.get<{ Params: { id: string } }>(
    "/rules/:id/effect",
    {
      schema: {
        tags: ["rules"],
        summary: "What a rule in shadow would have done to live traffic",
        description:
          "Of the manifest that runs. Records, bytes and dollars a month, by severity and by service, and up to 20 examples. Effects of several rules in shadow do not add: each is counted as if it alone were enforced in its place. See docs/shadow.md.",
        params: byId,
        response: { 200: effectSchema, ...errors(404, 409, 501) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const manifest = store.published ?? passthrough;
      const drafts = store.draft.rules;
      if (live === undefined && [activePipeline(manifest).processors, drafts].flat().some((rule) => rule.id === id))
        throw new RequestError(501, {
          where: `rule ${JSON.stringify(id)}`,
          what: "this process runs no data plane, and what rules do is counted there",
          fix: `ask a data plane at its admin port: GET /rules/${encodeURIComponent(id)}/effect on ADMIN_PORT (9464) of streamgate data`,
        });
      if (live === undefined) throw missing(id);
      const maySee = maySeeRecords(request);
      const given = price === undefined ? {} : { price };
      return effectOf(id, { manifest, drafts, evaluate, live, sightings, maySee, ...given });
    },
  );

  const warningsOf = (running: readonly Rule[], rule: Rule) =>
    live === undefined ? unseen(running, [rule]) : sightings.warnings(running, [rule]);

  app.post<{ Params: { id: string } }>(
    "/rules/:id/promote",
    {
      config: { bodyIgnored: true },
      schema: {
        tags: ["rules"],
        summary: "Enforce a rule that is in shadow, in the draft",
        description:
          "From the next publication on it does what it counted. The answer warns when it was seen to act on errors, and says how many.",
        params: byId,
        response: {
          200: Type.Object(
            {
              status: Type.Literal("promoted"),
              rule: Type.Object({}, { additionalProperties: true, description: "The rule as the draft holds it." }),
              warnings: Type.Array(warningSchema, { description: "What it was seen to do that nobody wants." }),
            },
            {
              description: "The draft enforces it.",
              examples: [
                {
                  status: "promoted",
                  rule: { id: "drop_debug", type: "filter", params: { value: "DEBUG" } },
                  warnings: [exampleWarning],
                },
              ],
            },
          ),
          ...errors(404, 409, 412, 500),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { actor, ifMatch } = editOf(request);
      requireMatch(ifMatch, store.revision);
      const running = activePipeline(store.published ?? passthrough).processors;
      if (live !== undefined) sightings.note(running, await live.effects());
      const drafted = store.draft.rules.find((one) => one.id === id);
      if (drafted === undefined) throw missing(id);
      if (drafted.enabled === false)
        throw new RequestError(409, {
          where: `rule ${JSON.stringify(id)}`,
          what: "is switched off, so it would do nothing when it is enforced",
          fix: 'PUT it with "enabled":true first',
        });
      // Once more: it is what was asked for already, and leaves no second trace.
      if (drafted.mode !== "shadow")
        return { status: "promoted", rule: drafted, warnings: warningsOf(running, drafted) };
      store.requireWritable();
      await audit.append([{ action: "promote", what: { rule: id }, who: actor }]);
      const draft = await store.change(
        (before) => ({
          ...before,
          rules: before.rules.map((rule) => (rule.id === id ? enforced(rule) : rule)),
        }),
        ifMatch,
      );
      const rule = draft.rules.find((one) => one.id === id);
      if (rule === undefined) throw missing(id);
      const warnings = warningsOf(running, rule);
      for (const { what } of warnings) log.warn(`rule ${JSON.stringify(id)} is promoted: ${what}`);
      return answerWithTag(reply, draftTag(store.revision), { status: "promoted", rule, warnings });
    },
  );
}

function enforced({ mode: _, ...rule }: Rule): Rule {
  return rule as Rule;
}
