/** `POST /rules/preview`: what rules would do to records, line by line and rule by rule. Nothing changes, and nothing is sent. */

import type { FastifyInstance } from "fastify";
import { StreamGateError } from "../../errors.ts";
import { activePipeline, type OutputConfig, type Rule, readRulesAndOutputs } from "../../manifest/manifest.ts";
import { compilePlan } from "../../plan/compile.ts";
import type { Evaluation } from "../../plan/evaluation.ts";
import { withoutRuleKeys } from "../../rules/secrets_of_rules.ts";
import { firstViolation, isRecord, nameOf, placeOf } from "../../schema.ts";
import { type Static, Type } from "../../typebox.ts";
import { errors, RequestError } from "../answer.ts";
import { type Concealed, conceal } from "../concealment.ts";
import type { RouteContext } from "./context.ts";

/** They run while other calls wait. */
const linesMax = 500;
const recentMax = 200;

const bodySchema = Type.Object(
  {
    rules: Type.Optional(Type.Array(Type.Object({}), { description: "Rules to try, in order; absent: the draft's." })),
    outputs: Type.Optional(
      Type.Array(Type.Object({}), {
        description: "Outputs that rules and filters name; absent: the draft's.",
      }),
    ),
    lines: Type.Optional(
      Type.Array(Type.String(), { minItems: 1, maxItems: linesMax, description: "Records to try them on." }),
    ),
    recent: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: recentMax,
        description:
          "Instead of lines: so many of the records that just passed, as the published rules left them. A few of each second are kept, in memory only.",
      }),
    ),
  },
  {
    examples: [
      { rules: [{ id: "drop_debug", type: "filter", params: { value: "DEBUG" } }], lines: ["DEBUG x", "INFO y"] },
    ],
  },
);

const lineSchema = Type.Object({
  line: Type.Integer({ description: "Which, from 1." }),
  input: Type.Optional(
    Type.String({
      description:
        "With recent: the record, without what protect rules and detectors find; absent: a protect rule keeps it from being shown.",
    }),
  ),
  fate: Type.Union([Type.Literal("passed"), Type.Literal("dropped"), Type.Literal("withheld"), Type.Literal("empty")], {
    description: "withheld: for the quarantine; empty: there is no record in it.",
  }),
  by: Type.Optional(Type.String({ description: "Id of the rule that dropped or withheld it." })),
  cause: Type.Optional(Type.String({ description: "Why a protect rule could not finish it." })),
  changed_by: Type.Array(Type.Object({ rule: Type.String(), replacements: Type.Integer() }), {
    description: "Rules that changed it, in order, and how many matches each replaced.",
  }),
  would_act: Type.Array(Type.String(), { description: "Ids of rules in shadow that would have acted on it." }),
  outputs: Type.Array(Type.String(), { description: "Ids of the outputs that get it." }),
  output: Type.Optional(
    Type.String({
      description:
        "What comes out, without what protect rules and detectors still find in it; with recent: what these rules make of `input`.",
    }),
  ),
  concealed: Type.Optional(
    Type.Boolean({
      description:
        "True: what would come out is not what is shown. These rules leave something in it that the draft's or the published protect rules, or a detector, would take out.",
    }),
  ),
  created: Type.Optional(
    Type.Array(Type.String(), { description: "What rules made beside it, such as a summary; concealed alike." }),
  ),
});

const example = {
  source: "lines",
  lines: [
    { line: 1, fate: "dropped", by: "drop_debug", changed_by: [], would_act: [], outputs: [] },
    { line: 2, fate: "passed", changed_by: [], would_act: [], outputs: ["console"], output: "INFO y" },
  ],
  summary: { records: 2, passed: 1, dropped: 1, withheld: 0, concealed: 0 },
  rules: { drop_debug: { dropped: 1, changed: 0, withheld: 0, would_act: 0 } },
  warnings: [],
};

type Line = Static<typeof lineSchema>;

export function previewRoutes(app: FastifyInstance, { store, check, evaluate, live }: RouteContext): void {
  app.post(
    "/rules/preview",
    {
      schema: {
        tags: ["rules"],
        summary: "Try rules on lines, or on records that just passed",
        description:
          "What happens to each record, and by which rule. What is shown never holds what a protect rule of the draft or of the published manifest, or any detector, finds, whatever the rules that are tried. See docs/shadow.md.",
        body: bodySchema,
        response: {
          200: Type.Object(
            {
              source: Type.Union([Type.Literal("lines"), Type.Literal("recent")]),
              lines: Type.Array(lineSchema, { description: "Each record, in order." }),
              summary: Type.Object({
                records: Type.Integer(),
                passed: Type.Integer(),
                dropped: Type.Integer(),
                withheld: Type.Integer(),
                concealed: Type.Integer({ description: "Of which something is not shown that would come out." }),
              }),
              rules: Type.Object({}, { additionalProperties: true, description: "By id: records that each acted on." }),
              warnings: Type.Array(Type.String(), {
                description: "What of the rules and outputs is ignored, with its place.",
              }),
            },
            { description: "What would happen.", examples: [example] },
          ),
          ...errors(413, 415, 422, 501),
        },
      },
    },
    async ({ body }) => {
      const asked = readBody(body);
      const { rules, outputs, warnings } = readSubject(asked);
      const recent = asked.lines === undefined;
      const records = recent ? await recentRecords(asked.recent!) : asked.lines!.map((line) => Buffer.from(line));
      const plan = compilePlan(withoutRuleKeys(rules), outputs);
      const run = (texts: readonly Uint8Array[]) =>
        evaluate(
          plan,
          texts.map((bytes) => ({ bytes })),
        );
      const evaluations = run(records);
      const inputs = recent ? show(records) : undefined;
      // Of other people's records no text is shown that these rules made of what is hidden: taken apart, nobody recognises it.
      const visible = inputs === undefined ? evaluations : run(inputs.map((one) => Buffer.from(one?.text ?? "")));
      const lines = tell(evaluations, visible, outputIds(outputs), inputs);
      return {
        source: recent ? "recent" : "lines",
        lines,
        summary: summaryOf(lines),
        rules: byRule(rules, lines),
        warnings,
      };
    },
  );

  function show(records: readonly Uint8Array[]): readonly (Concealed | undefined)[] {
    // What runs may be another manifest than what was published here: of another control plane, or gone back to.
    const published = store.published === undefined ? [] : activePipeline(store.published).processors;
    return conceal(records, [live?.running().rules ?? [], published, store.draft.rules], evaluate);
  }

  function tell(
    evaluations: readonly Evaluation[],
    visible: readonly Evaluation[],
    ids: readonly string[],
    inputs: readonly (Concealed | undefined)[] | undefined,
  ): readonly Line[] {
    const nothing = Buffer.alloc(0);
    const held = show(evaluations.map(({ output }) => output ?? nothing));
    const shown = inputs === undefined ? held : show(visible.map(({ output }) => output ?? nothing));
    return evaluations.map((evaluation, index) => {
      const { fate, by, cause, changes, shadows, output } = evaluation;
      const { output: text, created } = visible[index]!;
      const input = inputs?.[index];
      const reached = fate === "passed" ? (evaluation.outputs?.map((output) => ids[output]!) ?? ids) : [];
      const hidden = text === undefined || (inputs !== undefined && input === undefined);
      const out = output === undefined || hidden ? undefined : shown[index];
      return {
        line: index + 1,
        ...(input !== undefined && { input: input.text }),
        fate,
        ...(by !== undefined && { by }),
        ...(cause !== undefined && { cause }),
        changed_by: [...changes],
        would_act: [...shadows],
        outputs: [...reached],
        ...(out !== undefined && { output: out.text }),
        ...(output !== undefined && (out === undefined || held[index]?.concealed !== false) && { concealed: true }),
        ...(created.length > 0 && { created: show(created).map((one) => one?.text ?? "") }),
      };
    });
  }

  function readSubject({ rules, outputs }: Static<typeof bodySchema>): {
    readonly rules: readonly Rule[];
    readonly outputs: readonly OutputConfig[];
    readonly warnings: readonly string[];
  } {
    const { draft } = store;
    return readRulesAndOutputs(rules ?? draft.rules, outputs ?? draft.outputs, check);
  }

  async function recentRecords(count: number): Promise<readonly Uint8Array[]> {
    if (live !== undefined) return live.recent(count);
    throw new RequestError(501, {
      where: "recent",
      what: "this process runs no data plane, so no record has passed here",
      fix: "give lines, or ask a gate that runs both planes (streamgate run)",
    });
  }
}

function readBody(body: unknown): Static<typeof bodySchema> {
  if (!isRecord(body)) throw refused("body", `must be an object, not ${nameOf(body)}`);
  const stranger = Object.keys(body).find((key) => !Object.hasOwn(bodySchema.properties, key));
  if (stranger !== undefined) throw refused(placeOf([stranger]), "is no part of a preview");
  const violation = firstViolation(bodySchema, body);
  if (violation !== undefined) throw refused(placeOf(violation.path), violation.what);
  const asked = body as Static<typeof bodySchema>;
  if ((asked.lines === undefined) === (asked.recent === undefined))
    throw refused("lines", asked.lines === undefined ? "is missing, and so is recent" : "and recent are both given");
  return asked;
}

function refused(where: string, what: string): StreamGateError {
  return new StreamGateError("SG_INPUT", {
    where,
    what,
    fix: 'send {"lines":["DEBUG x"]} or {"recent":50}, and rules to try others than the draft\'s',
  });
}

function outputIds(outputs: readonly OutputConfig[]): readonly string[] {
  return outputs.length === 0 ? ["console"] : outputs.map(({ id }) => String(id));
}

function summaryOf(lines: readonly Line[]) {
  const count = (of: (line: Line) => boolean) => lines.filter(of).length;
  return {
    records: count(({ fate }) => fate !== "empty"),
    passed: count(({ fate }) => fate === "passed"),
    dropped: count(({ fate }) => fate === "dropped"),
    withheld: count(({ fate }) => fate === "withheld"),
    concealed: count(({ concealed }) => concealed === true),
  };
}

function byRule(rules: readonly Rule[], lines: readonly Line[]) {
  return Object.fromEntries(
    rules
      .filter(({ enabled = true }) => enabled)
      .map(({ id }) => [
        id,
        {
          dropped: lines.filter(({ fate, by }) => fate === "dropped" && by === id).length,
          changed: lines.filter(({ changed_by }) => changed_by.some(({ rule }) => rule === id)).length,
          withheld: lines.filter(({ fate, by }) => fate === "withheld" && by === id).length,
          would_act: lines.filter(({ would_act }) => would_act.includes(id)).length,
        },
      ]),
  );
}
