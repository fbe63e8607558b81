/** `/outputs`: where records go. None: to the console. Secrets are never shown again. */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { StreamGateError } from "../../errors.ts";
import { destinationKey, idKey, type NamedOutput, withIds } from "../../manifest/output_identity.ts";
import { type OutputConfig, outputSchema, outputsMax, outputTypes } from "../../outputs/index.ts";
import { readOutput } from "../../outputs/read.ts";
import { maskSecrets, restoreSecrets, withoutSecrets } from "../../outputs/secrets_of_config.ts";
import type { PatternChecker } from "../../plan/pattern.ts";
import { isRecord } from "../../schema.ts";
import { errors, RequestError } from "../answer.ts";
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

export function outputsRoutes(app: FastifyInstance, { store, check, log, testOutput }: RouteContext): void {
  app.get(
    "/outputs",
    {
      schema: {
        tags: ["outputs"],
        summary: "Outputs of the draft",
        response: { 200: Type.Array(anyOutput, { description: "The outputs.", examples: [[exampleNamed]] }) },
      },
    },
    async () => store.draft.outputs.map(maskSecrets),
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
          ...errors(400, 413, 415, 422),
        },
      },
    },
    async ({ body }) => {
      const { output, warnings } = readStrictly(body, check);
      const draft = await store.change((draft) => {
        refuseDuplicate(draft.outputs, output);
        if (draft.outputs.length >= outputsMax) {
          throw new StreamGateError("SG_OUTPUT_COUNT", {
            where: "outputs",
            what: `there are ${outputsMax} already, the most that a record can be routed to`,
            fix: "remove one with DELETE /outputs/{id}, or run a second gate behind one of them",
          });
        }
        return { ...draft, outputs: withIds([...draft.outputs, output]) };
      });
      return { status: "added", output: maskSecrets(draft.outputs.at(-1)!), ...told(warnings) };
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
        },
      },
    },
    async () => {
      await store.change((draft) => ({ ...draft, outputs: [] }));
      return { status: "cleared" };
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
    async ({ params: { id } }) => maskSecrets(store.draft.outputs[indexOf(store.draft.outputs, id)]!),
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
          ...errors(400, 404, 413, 415, 422),
        },
      },
    },
    async ({ body, params: { id } }) => {
      const read = (stored: NamedOutput) => {
        const restored = restoreSecrets(body, stored);
        const { output, warnings } = readStrictly(
          isRecord(restored) && restored.id == null ? { ...restored, id: stored.id } : restored,
          check,
        );
        if (output.id === stored.id) return { output: output as NamedOutput, warnings };
        throw new StreamGateError("SG_OUTPUT_PARAMS", {
          where: "id",
          what: `${JSON.stringify(output.id)} is not the id in the path, ${JSON.stringify(id)}`,
          fix: "leave it out, or make them the same",
        });
      };
      let warned: readonly string[] = [];
      const draft = await store.change((draft) => {
        const index = indexOf(draft.outputs, id);
        const { output, warnings } = read(draft.outputs[index]!);
        refuseDuplicate(draft.outputs.toSpliced(index, 1), output);
        warned = warnings;
        return { ...draft, outputs: draft.outputs.with(index, output) };
      });
      return { status: "updated", output: maskSecrets(draft.outputs[indexOf(draft.outputs, id)]!), ...told(warned) };
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
          ...errors(404),
        },
      },
    },
    async ({ params: { id } }) => {
      await store.change((draft) => ({
        ...draft,
        outputs: draft.outputs.toSpliced(indexOf(draft.outputs, id), 1),
      }));
      return { status: "deleted", id };
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
    async ({ params: { id } }): Promise<OutputTest> => {
      const output = store.draft.outputs[indexOf(store.draft.outputs, id)]!;
      if (testOutput === undefined) {
        throw new RequestError(501, {
          where: `output ${JSON.stringify(output.id)}`,
          what: "this process sends no records, so it cannot try an output",
          fix: "ask a gate that runs both planes (streamgate run)",
        });
      }
      const { answer, ...result } = await testOutput(output);
      log.info(`tested output ${JSON.stringify(output.id)}: ${result.status}`);
      if (answer === undefined) return result;
      return { ...result, answer: withoutSecrets(answer, output).slice(0, answerCharactersMax) };
    },
  );
}

/** A field that the type does not know is a slip of the pen here; a reader of other programs' manifests only warns of it. */
function readStrictly(body: unknown, check: PatternChecker): { output: OutputConfig; warnings: readonly string[] } {
  const [warnings, unknown]: [string[], string[]] = [[], []];
  const output = readOutput(body, "", warnings, unknown, check);
  if (unknown.length === 0) return { output, warnings };
  const colon = unknown[0]!.indexOf(": ");
  throw new StreamGateError("SG_OUTPUT_PARAMS", {
    where: unknown[0]!.slice(0, colon),
    what: unknown[0]!.slice(colon + 2),
  });
}

function told(warnings: readonly string[]): { warnings?: readonly string[] } {
  return warnings.length === 0 ? {} : { warnings };
}

function refuseDuplicate(others: readonly NamedOutput[], output: OutputConfig): void {
  const key = destinationKey(output);
  const same = others.find((other) => destinationKey(other) === key);
  if (same !== undefined) {
    throw new StreamGateError("SG_OUTPUT_DUPLICATE", {
      what: `this ${output.type} output is configured already as ${JSON.stringify(same.id)}, and every record would leave twice`,
      fix: "GET /outputs lists them",
    });
  }
  if (typeof output.id !== "string") return;
  const wanted = idKey(output.id);
  const namesake = others.find(({ id }) => idKey(id) === wanted);
  if (namesake !== undefined) {
    throw new StreamGateError("SG_OUTPUT_DUPLICATE", {
      where: "id",
      what: `an output ${JSON.stringify(namesake.id)} exists already`,
      fix: "choose another id, or replace that output with PUT /outputs/{id}",
    });
  }
}

function indexOf(outputs: readonly NamedOutput[], id: string): number {
  const index = outputs.findIndex((output) => output.id === id);
  if (index !== -1) return index;
  throw new StreamGateError("SG_OUTPUT_MISSING", {
    where: "id",
    what: `no output has the id ${JSON.stringify(id)}`,
    fix: "GET /outputs lists them",
  });
}
