/** `/rules`: the draft's rules, in the order in which they run. */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { StreamGateError } from "../../errors.ts";
import { type PatternChecker, type Rule, readRule } from "../../manifest/manifest.ts";
import { ruleSchema } from "../../manifest/rule.ts";
import { ruleTypes } from "../../rules/index.ts";
import { isRecord } from "../../schema.ts";
import { errors } from "../answer.ts";
import type { RouteContext } from "./context.ts";

const exampleRule = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };

/** One alternative a rule type, so that the documentation shows each one's parameters. */
const anyRule = Type.Union(
  [...ruleTypes.values()].map(({ type, description, params, examples }) =>
    Type.Object(
      { ...ruleSchema.properties, type: Type.Literal(type), params },
      {
        title: type,
        description,
        examples: examples.map((example, index) => ({ id: `${type}_${index + 1}`, type, params: example })),
      },
    ),
  ),
  { examples: [exampleRule] },
);

const byId = Type.Object({ id: Type.String({ description: "Rule id." }) });

export function rulesRoutes(app: FastifyInstance, { store, check }: RouteContext): void {
  app.get(
    "/rules",
    {
      schema: {
        tags: ["rules"],
        summary: "Rules of the draft, in order",
        response: { 200: Type.Array(anyRule, { description: "The rules.", examples: [[exampleRule]] }) },
      },
    },
    async () => store.draft.rules,
  );

  app.post<{ Querystring: { before?: string | string[] } }>(
    "/rules",
    {
      schema: {
        tags: ["rules"],
        summary: "Add a rule at the end, or before another one",
        querystring: Type.Object({
          before: Type.Optional(Type.String({ description: "Id of the rule to insert before." })),
        }),
        body: anyRule,
        response: {
          200: Type.Object(
            { status: Type.Literal("added"), rule: anyRule },
            { description: "The rule as the draft holds it.", examples: [{ status: "added", rule: exampleRule }] },
          ),
          ...errors(400, 404, 413, 415, 422),
        },
      },
    },
    async ({ body, query }) => {
      const rule = readStrictly(body, check);
      const before = Array.isArray(query.before) ? query.before[0] : query.before;
      await store.change((draft) => {
        if (draft.rules.some(({ id }) => id === rule.id)) {
          throw new StreamGateError("SG_RULE_DUPLICATE", {
            where: "id",
            what: `a rule ${JSON.stringify(rule.id)} exists already`,
            fix: "choose another id, or replace that rule with PUT /rules/{id}",
          });
        }
        const at = before === undefined ? draft.rules.length : indexOf(draft.rules, before, "before");
        return { ...draft, rules: draft.rules.toSpliced(at, 0, rule) };
      });
      return { status: "added", rule };
    },
  );

  app.put<{ Params: { id: string } }>(
    "/rules/:id",
    {
      schema: {
        tags: ["rules"],
        summary: "Replace a rule in its place",
        params: byId,
        body: anyRule,
        response: {
          200: Type.Object(
            { status: Type.Literal("updated"), rule: anyRule },
            { description: "The rule as the draft holds it.", examples: [{ status: "updated", rule: exampleRule }] },
          ),
          ...errors(404, 413, 415, 422),
        },
      },
    },
    async ({ body, params: { id } }) => {
      indexOf(store.draft.rules, id, "id");
      const rule = readStrictly(isRecord(body) && body.id == null ? { id, ...withoutId(body) } : body, check);
      if (rule.id !== id) {
        throw new StreamGateError("SG_RULE_PARAMS", {
          where: "id",
          what: `${JSON.stringify(rule.id)} is not the id in the path, ${JSON.stringify(id)}`,
          fix: "leave it out, or make them the same",
        });
      }
      await store.change((draft) => ({ ...draft, rules: draft.rules.with(indexOf(draft.rules, id, "id"), rule) }));
      return { status: "updated", rule };
    },
  );

  app.delete<{ Params: { id: string } }>(
    "/rules/:id",
    {
      config: { bodyIgnored: true },
      schema: {
        tags: ["rules"],
        summary: "Delete a rule",
        params: byId,
        response: {
          200: Type.Object(
            { status: Type.Literal("deleted"), id: Type.String() },
            { description: "The rule is gone from the draft.", examples: [{ status: "deleted", id: exampleRule.id }] },
          ),
          ...errors(404),
        },
      },
    },
    async ({ params: { id } }) => {
      await store.change((draft) => ({ ...draft, rules: draft.rules.toSpliced(indexOf(draft.rules, id, "id"), 1) }));
      return { status: "deleted", id };
    },
  );
}

/** A parameter that no type knows is a slip of the pen here; a reader of other programs' manifests only warns of it. */
function readStrictly(body: unknown, check: PatternChecker): Rule {
  const warnings: string[] = [];
  const rule = readRule(body, "", check, warnings);
  // Clients resolve these two in a path before they send it (RFC 3986 section 5.2.4), so the rule could not be deleted.
  if (rule.id === "." || rule.id === "..") {
    throw new StreamGateError("SG_RULE_PARAMS", {
      where: "id",
      what: `${JSON.stringify(rule.id)} cannot stand in the path /rules/{id}`,
      fix: "choose a name",
    });
  }
  if (warnings.length === 0) return rule;
  const [where, what] = splitPlace(warnings[0]!);
  throw new StreamGateError("SG_RULE_PARAMS", { where, what });
}

function withoutId({ id: _, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest;
}

function splitPlace(warning: string): [string, string] {
  const colon = warning.indexOf(": ");
  return [warning.slice(0, colon), warning.slice(colon + 2)];
}

function indexOf(rules: readonly Rule[], id: string, where: string): number {
  const index = rules.findIndex((rule) => rule.id === id);
  if (index !== -1) return index;
  throw new StreamGateError("SG_RULE_MISSING", {
    where,
    what: `no rule has the id ${JSON.stringify(id)}`,
    fix: "GET /rules lists them",
  });
}
