/** `/outputs`: where records go. None: to the console. */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { StreamGateError } from "../../errors.ts";
import { canonical } from "../../manifest/canonical.ts";
import { filterSchema } from "../../outputs/filter.ts";
import { type OutputConfig, outputsMax, outputTypes } from "../../outputs/index.ts";
import { readOutput } from "../../outputs/read.ts";
import type { PatternChecker } from "../../plan/pattern.ts";
import { errors } from "../answer.ts";
import type { RouteContext } from "./context.ts";

const exampleOutput = { type: "http", url: "http://localhost:9000" };

const anyOutput = Type.Union(
  [...outputTypes.values()].map(({ type, description, params, examples }) =>
    Type.Object(
      { type: Type.Literal(type), ...params.properties, filter: filterSchema },
      { title: type, description, examples: examples.map((example) => ({ type, ...example })) },
    ),
  ),
  { examples: [exampleOutput] },
);

export function outputsRoutes(app: FastifyInstance, { store, check }: RouteContext): void {
  app.get(
    "/outputs",
    {
      schema: {
        tags: ["outputs"],
        summary: "Outputs of the draft",
        response: { 200: Type.Array(anyOutput, { description: "The outputs.", examples: [[exampleOutput]] }) },
      },
    },
    async () => store.draft.outputs,
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
            { status: Type.Literal("added"), output: anyOutput },
            {
              description: "The output as the draft holds it.",
              examples: [{ status: "added", output: exampleOutput }],
            },
          ),
          ...errors(400, 413, 415, 422),
        },
      },
    },
    async ({ body }) => {
      const output = readStrictly(body, check);
      await store.change((draft) => {
        if (draft.outputs.some((other) => canonical(other) === canonical(output))) {
          throw new StreamGateError("SG_OUTPUT_DUPLICATE", {
            what: `this ${output.type} output is configured already, and every record would leave twice`,
            fix: "GET /outputs lists them",
          });
        }
        if (draft.outputs.length >= outputsMax) {
          throw new StreamGateError("SG_OUTPUT_COUNT", {
            where: "outputs",
            what: `there are ${outputsMax} already, the most that a record can be routed to`,
            fix: "clear them with DELETE /outputs, or run a second gate behind one of them",
          });
        }
        return { ...draft, outputs: [...draft.outputs, output] };
      });
      return { status: "added", output };
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
}

/** A field that the type does not know is a slip of the pen here; a reader of other programs' manifests only warns of it. */
function readStrictly(body: unknown, check: PatternChecker): OutputConfig {
  const warnings: string[] = [];
  const output = readOutput(body, "", warnings, warnings, check);
  if (warnings.length === 0) return output;
  const colon = warnings[0]!.indexOf(": ");
  throw new StreamGateError("SG_OUTPUT_PARAMS", {
    where: warnings[0]!.slice(0, colon),
    what: warnings[0]!.slice(colon + 2),
  });
}
