/** `/rules`: the draft's rules, in the order in which they run. */

import type { FastifyInstance } from "fastify";
import { ruleSchema } from "../../manifest/rule.ts";
import { ruleTypes } from "../../rules/index.ts";
import { Type } from "../../typebox.ts";
import { errors } from "../answer.ts";
import { answerWithTag, editOf } from "../concurrency.ts";
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

export function rulesRoutes(app: FastifyInstance, { edits }: RouteContext): void {
  app.get(
    "/rules",
    {
      schema: {
        tags: ["rules"],
        summary: "Rules of the draft, in order",
        response: { 200: Type.Array(anyRule, { description: "The rules.", examples: [[exampleRule]] }) },
      },
    },
    async (_, reply) => answerWithTag(reply, edits.tag, edits.rules()),
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
          ...errors(400, 404, 409, 412, 413, 415, 422),
        },
      },
    },
    async (request, reply) => {
      const before = [request.query.before].flat()[0];
      const rule = await edits.addRule(request.body, { ...editOf(request), before });
      return answerWithTag(reply, edits.tag, { status: "added", rule });
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
          ...errors(404, 409, 412, 413, 415, 422),
        },
      },
    },
    async (request, reply) => {
      const rule = await edits.replaceRule(request.params.id, request.body, editOf(request));
      return answerWithTag(reply, edits.tag, { status: "updated", rule });
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
          ...errors(404, 409, 412),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await edits.removeRule(id, editOf(request));
      return answerWithTag(reply, edits.tag, { status: "deleted", id });
    },
  );
}
