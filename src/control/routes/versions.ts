/** `/versions` and `/diff`: what was published before, by whom and why, and going back to it. */

import type { FastifyInstance } from "fastify";
import { StreamGateError } from "../../errors.ts";
import { passthrough } from "../../manifest/manifest.ts";
import { Type } from "../../typebox.ts";
import { errors } from "../answer.ts";
import { answerWithTag } from "../concurrency.ts";
import { sideOf, versionNumber } from "../history.ts";
import { publishedAnswer, rolledBackSchema } from "../publication_answer.ts";
import { publicationFields, publicationOptionsOf } from "../publication_request.ts";
import { versionsMax } from "../versions.ts";
import type { RouteContext } from "./context.ts";

const limitDefault = 20;

const summaryFields = {
  version: Type.String(),
  time: Type.String({ description: "When it was published." }),
  author: Type.Optional(
    Type.String({ description: "Name of the token; absent: a version of before names were kept." }),
  ),
  address: Type.Optional(Type.String({ description: "Where the call came from." })),
  comment: Type.Optional(Type.String()),
  rollback_of: Type.Optional(Type.String({ description: "The earlier version that it equals." })),
  status: Type.Union([Type.Literal("published"), Type.Literal("refused"), Type.Literal("unconfirmed")], {
    description:
      "refused: data planes or the bus did not take it. unconfirmed: the process ended before it knew, or it is under way.",
  }),
  refused: Type.Optional(
    Type.Object({ code: Type.Union([Type.String(), Type.Null()]), what: Type.String() }, { description: "Why." }),
  ),
  current: Type.Boolean({ description: "Whether it is the one that data planes were given last." }),
  rules: Type.Integer(),
  outputs: Type.Integer(),
};

const summaryExample = {
  version: "7",
  time: "2026-01-31T12:00:00.000Z",
  author: "ci",
  address: "10.0.0.7",
  comment: "less noise from the cart",
  status: "published",
  current: true,
  rules: 12,
  outputs: 2,
};

const anything = Type.Object({}, { additionalProperties: true });

const listDiff = (noun: string) =>
  Type.Object({
    added: Type.Array(Type.Object({ at: Type.Integer({ description: "Index in the list." }), item: anything })),
    removed: Type.Array(anything),
    changed: Type.Array(
      Type.Object({
        id: Type.String(),
        fields: Type.Array(Type.String(), {
          description: "What differs; a secret looks the same in both, and is named here.",
        }),
        before: anything,
        after: anything,
      }),
    ),
    moved: Type.Array(Type.Object({ id: Type.String(), from: Type.Integer(), to: Type.Integer() }), {
      description: `Indexes in both lists of ${noun}. The fewest that must move.`,
    }),
  });

const emptyDiff = { added: [], removed: [], changed: [], moved: [] };

const diffSchema = Type.Object(
  {
    from: Type.String(),
    to: Type.String(),
    same: Type.Boolean(),
    rules: listDiff("rules"),
    outputs: listDiff("outputs"),
    settings: Type.Array(
      Type.Object({
        field: Type.String(),
        before: Type.Optional(Type.Unknown()),
        after: Type.Optional(Type.Unknown()),
      }),
    ),
  },
  {
    description: "What the second says differently.",
    examples: [
      {
        from: "7",
        to: "draft",
        same: false,
        rules: { ...emptyDiff, removed: [{ id: "drop_debug", type: "filter", params: { value: "DEBUG" } }] },
        outputs: emptyDiff,
        settings: [{ field: "batch_size", before: 100, after: 500 }],
      },
    ],
  },
);

const byVersion = Type.Object({ version: Type.String({ description: "Number of the version." }) });

export function versionsRoutes(app: FastifyInstance, { publication, history }: RouteContext): void {
  app.get<{ Querystring: { limit?: string | string[] } }>(
    "/versions",
    {
      schema: {
        tags: ["versions"],
        summary: "Versions that were published, newest first",
        querystring: Type.Object({
          limit: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: versionsMax,
              default: limitDefault,
              description: "How many, at most.",
            }),
          ),
        }),
        response: {
          200: Type.Array(Type.Object(summaryFields), {
            description: `The versions; the newest ${versionsMax} are kept.`,
            examples: [[summaryExample]],
          }),
          ...errors(422),
        },
      },
    },
    async ({ query }) => history.list(limitOf([query.limit].flat()[0])),
  );

  app.get<{ Params: { version: string } }>(
    "/versions/:version",
    {
      schema: {
        tags: ["versions"],
        summary: "One version, with its manifest",
        params: byVersion,
        response: {
          200: Type.Object(
            { ...summaryFields, manifest: anything },
            {
              description: "The version; secrets are shown as ***.",
              examples: [{ ...summaryExample, manifest: { ...passthrough, version: "7" } }],
            },
          ),
          ...errors(404),
        },
      },
    },
    async ({ params: { version } }) => history.version(versionNumber(version)),
  );

  app.post<{ Params: { version: string } }>(
    "/versions/:version/rollback",
    {
      schema: {
        tags: ["versions"],
        summary: "Publish an earlier version again, as a new one",
        description:
          "What protects less than what runs now is named in `weakened` and written to the audit file, as with publish. The draft follows when it holds nothing that was not published.",
        params: byVersion,
        querystring: Type.Object(publicationFields),
        body: Type.Optional(Type.Object(publicationFields, { examples: [{ comment: "too many errors" }] })),
        response: { 200: rolledBackSchema, ...errors(404, 409, 412, 413, 415, 422, 500, 503) },
      },
    },
    async (request, reply) => {
      const number = versionNumber(request.params.version);
      const published = await publication.rollback(number, publicationOptionsOf(request, request.body));
      return answerWithTag(reply, published.tag, publishedAnswer(published));
    },
  );

  app.get<{ Querystring: { from?: string | string[]; to?: string | string[] } }>(
    "/diff",
    {
      schema: {
        tags: ["versions"],
        summary: "What one version says differently from another, or the draft from what is published",
        querystring: Type.Object({
          from: Type.Optional(
            Type.String({ default: "published", description: "A version's number, published or draft." }),
          ),
          to: Type.Optional(Type.String({ default: "draft", description: "A version's number, published or draft." })),
        }),
        response: { 200: diffSchema, ...errors(404) },
      },
    },
    async ({ query }) => {
      const [from = "published", to = "draft"] = [[query.from].flat()[0], [query.to].flat()[0]];
      return history.diff(sideOf(from), sideOf(to));
    },
  );
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return limitDefault;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1) return Math.min(limit, versionsMax);
  throw new StreamGateError("SG_MANIFEST", {
    where: "limit",
    what: "is no whole number in range",
    fix: `give one from 1 to ${versionsMax}`,
  });
}
