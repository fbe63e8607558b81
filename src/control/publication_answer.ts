/** What calls that publish answer: one shape for publish, rollback and the whole manifest. */

import { passthrough } from "../manifest/manifest.ts";
import { Type } from "../typebox.ts";
import type { Published } from "./publication.ts";
import { warningSchema } from "./routes/effect.ts";

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

const planesSchema = Type.Object(
  {
    status: Type.Union([Type.Literal("applied"), Type.Literal("pending"), Type.Literal("refused")], {
      description: "applied: every data plane that reports runs it. refused: one at least does not take it.",
    }),
    applied: Type.Array(Type.String(), { description: "Ids of data planes that run it." }),
    pending: Type.Array(Type.String(), { description: "Ids of those that had not said when the wait was over." }),
    refused: Type.Array(Type.Object({ plane: Type.String(), what: Type.String() }), {
      description: "Those that run on with what they had, and why.",
    }),
    silent: Type.Integer({ description: "Data planes that were notified and do not report: of an earlier version." }),
  },
  { description: "Where a wait was asked for: who runs it." },
);

const manifestField = Type.Object(
  {},
  { additionalProperties: true, description: "What data planes run from now on; secrets are shown as ***." },
);

const fields = {
  manifest: manifestField,
  subscribers_notified: Type.Integer({ description: "Data planes that were told." }),
  warnings: Type.Array(warningSchema, {
    description:
      "Rules that are enforced from now on and were seen, in shadow, to act on errors; or of which nobody here has seen it.",
  }),
  weakened: Type.Array(weakenedSchema, {
    description: "Rules that protect less than before. Allowed, and written to the audit file.",
  }),
  planes: Type.Optional(planesSchema),
};

export const publishedExample = {
  status: "published",
  manifest: { ...passthrough, version: "7", timestamp: "2026-01-31T12:00:00.000Z" },
  subscribers_notified: 1,
  warnings: [],
  weakened: [{ rule: "redact_ssn", how: "disabled", what: "the rule is switched off" }],
};

export const publishedSchema = Type.Object(
  { status: Type.Literal("published"), ...fields },
  { description: "The draft is published.", examples: [publishedExample] },
);

const draftField = Type.Union([Type.Literal("followed"), Type.Literal("kept")], {
  description: "followed: the draft is the same now. kept: it held changes that were not published, and still does.",
});

export const rolledBackSchema = Type.Object(
  { status: Type.Literal("published"), ...fields, draft: draftField },
  {
    description: "The version is published again, as a new one.",
    examples: [{ ...publishedExample, draft: "followed" }],
  },
);

export const putSchema = Type.Object(
  {
    status: Type.Union([Type.Literal("published"), Type.Literal("unchanged")], {
      description: "unchanged: it was published already, so that there is no new version.",
    }),
    ...fields,
    draft: draftField,
  },
  {
    description: "It is published, and the draft is the same.",
    examples: [{ ...publishedExample, draft: "followed" }],
  },
);

export function publishedAnswer({ tag: _, subscribersNotified, ...published }: Published): object {
  const { status, manifest, ...rest } = published;
  return { status, manifest, subscribers_notified: subscribersNotified, ...rest };
}
