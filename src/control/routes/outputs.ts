/** `/outputs`: where records go. None: to the console. Secrets are never shown again. */

import type { FastifyInstance } from "fastify";
import { outputSchema, outputTypes } from "../../outputs/index.ts";
import { withoutSecrets } from "../../outputs/secrets_of_config.ts";
import { Type } from "../../typebox.ts";
import { actorOf } from "../actor.ts";
import { errors, RequestError } from "../answer.ts";
import { answerWithTag, editOf } from "../concurrency.ts";
import type { OutputTest, RouteContext } from "./context.ts";

const exampleOutput = { type: "http", url: "http://localhost:9000" };
const exampleNamed = { type: "http", id: "http-f1cd04", url: "http://localhost:9000" };

const anyOutput = Type.Union(
  [...outputTypes.keys()].map((type) => outputSchema(type)!),
  { examples: [exampleOutput] },
);

const warningsField = Type.Optional(
  Type.Array(Type.String(), { description: "What is allowed and unwise; absent: nothing." }),
);

const byId = Type.Object({ id: Type.String({ description: "Output id." }) });

/** As much of a destination's answer as is passed on. */
const answerCharactersMax = 1000;

const testSchema = Type.Object(
  {
    status: Type.Union([Type.Literal("delivered"), Type.Literal("refused"), Type.Literal("unreachable")], {
      description: "refused: the destination answered and did not take it; unreachable: it did not answer.",
    }),
    http_status: Type.Optional(Type.Integer({ description: "Status of the destination's answer." })),
    answer: Type.Optional(
      Type.String({ description: `The first ${answerCharactersMax} characters of the answer, its words unchanged.` }),
    ),
    verdict: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: "What that answer would mean for records." }),
    ),
    took_ms: Type.Number({ description: "Milliseconds until the answer." }),
  },
  {
    description: "What became of the record.",
    examples: [
      {
        status: "refused",
        http_status: 403,
        answer: '{"errors":[{"status":"403","title":"Forbidden"}]}',
        verdict: { kind: "retry", reason: "HTTP 403", alert: "HTTP 403: the credentials are not allowed to do this" },
        took_ms: 41,
      },
    ],
  },
);

export function outputsRoutes(app: FastifyInstance, { edits, log, testOutput, audit }: RouteContext): void {
  app.get(
    "/outputs",
    {
      schema: {
        tags: ["outputs"],
        summary: "Outputs of the draft",
        response: { 200: Type.Array(anyOutput, { description: "The outputs.", examples: [[exampleNamed]] }) },
      },
    },
    async (_, reply) => answerWithTag(reply, edits.tag, edits.outputs()),
  );

  app.post(
    "/outputs",
    {
      schema: {
        tags: ["outputs"],
        summary: "Add an output",
        body: anyOutput,
        response: {
          200: Type.Object(
            { status: Type.Literal("added"), output: anyOutput, warnings: warningsField },
            {
              description: "The output as the draft holds it, with its id.",
              examples: [{ status: "added", output: exampleNamed }],
            },
          ),
          ...errors(400, 409, 412, 413, 415, 422),
        },
      },
    },
    async (request, reply) => {
      const { output, warnings } = await edits.addOutput(request.body, editOf(request));
      return answerWithTag(reply, edits.tag, { status: "added", output, ...told(warnings) });
    },
  );

  app.delete(
    "/outputs",
    {
      config: { bodyIgnored: true },
      schema: {
        tags: ["outputs"],
        summary: "Remove all outputs",
        response: {
          200: Type.Object(
            { status: Type.Literal("cleared") },
            { description: "The draft has no outputs any more.", examples: [{ status: "cleared" }] },
          ),
          ...errors(409, 412),
        },
      },
    },
    async (request, reply) => {
      await edits.clearOutputs(editOf(request));
      return answerWithTag(reply, edits.tag, { status: "cleared" });
    },
  );

  app.get<{ Params: { id: string } }>(
    "/outputs/:id",
    {
      schema: {
        tags: ["outputs"],
        summary: "One output of the draft",
        params: byId,
        response: {
          200: Type.Union([...anyOutput.anyOf], { description: "The output.", examples: [exampleNamed] }),
          ...errors(404),
        },
      },
    },
    async ({ params: { id } }, reply) => answerWithTag(reply, edits.tag, edits.output(id)),
  );

  app.put<{ Params: { id: string } }>(
    "/outputs/:id",
    {
      schema: {
        tags: ["outputs"],
        summary: "Replace an output in its place",
        description:
          "A secret that is sent back as it was shown, ***, stays what it is, as long as type and destination (origin of the URL, site, region) do.",
        params: byId,
        body: anyOutput,
        response: {
          200: Type.Object(
            { status: Type.Literal("updated"), output: anyOutput, warnings: warningsField },
            {
              description: "The output as the draft holds it.",
              examples: [{ status: "updated", output: exampleNamed }],
            },
          ),
          ...errors(400, 404, 409, 412, 413, 415, 422),
        },
      },
    },
    async (request, reply) => {
      const { output, warnings } = await edits.replaceOutput(request.params.id, request.body, editOf(request));
      return answerWithTag(reply, edits.tag, { status: "updated", output, ...told(warnings) });
    },
  );

  app.delete<{ Params: { id: string } }>(
    "/outputs/:id",
    {
      config: { bodyIgnored: true },
      schema: {
        tags: ["outputs"],
        summary: "Remove an output",
        params: byId,
        response: {
          200: Type.Object(
            { status: Type.Literal("deleted"), id: Type.String() },
            {
              description: "The output is gone from the draft.",
              examples: [{ status: "deleted", id: exampleNamed.id }],
            },
          ),
          ...errors(404, 409, 412),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await edits.removeOutput(id, editOf(request));
      return answerWithTag(reply, edits.tag, { status: "deleted", id });
    },
  );

  app.post<{ Params: { id: string } }>(
    "/outputs/:id/test",
    {
      config: { bodyIgnored: true },
      schema: {
        tags: ["outputs"],
        summary: "Send one record to an output, and tell what the destination answered",
        description: "The output of the draft, published or not. The record says that it is a test.",
        params: byId,
        response: { 200: testSchema, ...errors(404, 422, 501) },
      },
    },
    async (request): Promise<OutputTest> => {
      const output = edits.outputWithSecrets(request.params.id);
      if (testOutput === undefined) {
        throw new RequestError(501, {
          where: `output ${JSON.stringify(output.id)}`,
          what: "this process sends no records, so it cannot try an output",
          fix: "ask a gate that runs both planes (streamgate run)",
        });
      }
      const { id, type } = output;
      await audit.append([{ action: "output_test", what: { output: id, type }, who: actorOf(request) }]);
      const { answer, ...result } = await testOutput(output);
      log.info(`tested output ${JSON.stringify(output.id)}: ${result.status}`);
      if (answer === undefined) return result;
      return { ...result, answer: withoutSecrets(answer, output).slice(0, answerCharactersMax) };
    },
  );
}

function told(warnings: readonly string[]): { warnings?: readonly string[] } {
  return warnings.length === 0 ? {} : { warnings };
}
