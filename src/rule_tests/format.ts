/**
 * Rule tests as people write them, in JSON: records that go in, and what should come of each. `docs/rule_tests.md` is the reference.
 *
 *     {"rules": […], "outputs": […],
 *      "tests": [{"name": "debug goes", "input": "DEBUG x", "expect": null},
 *                {"name": "cards are masked", "input": {"card": "…"}, "expect": {"excludes": "4111"}},
 *                {"name": "repeats go", "sequence": [{"input": "a", "expect": "a"}, {"input": "a", "at_ms": 10, "expect": null}]}]}
 *
 * A field that is not known is refused: a misspelt expectation would pass for ever.
 */

import { StreamGateError } from "../errors.ts";
import {
  activePipeline,
  type OutputConfig,
  type PatternChecker,
  type Rule,
  readManifest,
  readRulesAndOutputs,
} from "../manifest/manifest.ts";
import { firstViolation, isRecord, nameOf, placeOf } from "../schema.ts";
import { type Static, Type } from "../typebox.ts";

/** Texts of one expectation, records of one sequence, tests of one file: far more than a person writes. */
const listMax = 10_000;

const textOrTexts = (description: string) =>
  Type.Optional(
    Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })], {
      description,
      "x-words": "a text or a list of texts, none of them empty",
    }),
  );
const anyObject = (description: string) => Type.Object({}, { additionalProperties: true, description });

const expectationSchema = Type.Object(
  {
    output: Type.Optional(
      Type.Union([Type.String(), anyObject("JSON.")], {
        description: "What comes out: a text, byte for byte; or an object, which the record as JSON has to equal.",
      }),
    ),
    contains: textOrTexts("What the record that comes out contains: this text, or all of these."),
    excludes: textOrTexts("What nothing that comes out contains: this text, or none of these."),
    dropped_by: Type.Optional(Type.String({ description: "Id of the rule that drops it." })),
    withheld_by: Type.Optional(
      Type.String({ description: "Id of the protect rule that cannot finish it: it goes to the quarantine." }),
    ),
    changed_by: Type.Optional(
      Type.Array(Type.String(), { description: "Ids of exactly the rules that change it, in order; []: none does." }),
    ),
    outputs: Type.Optional(
      Type.Array(Type.String(), {
        description: "Ids of exactly the outputs that get it; console where none is configured.",
      }),
    ),
    shadow: Type.Optional(
      Type.Array(Type.String(), { description: "Ids of exactly the rules in shadow that would have acted on it." }),
    ),
    created: Type.Optional(
      Type.Array(Type.String(), { description: "What rules make beside it, such as a summary; byte for byte." }),
    ),
  },
  { description: "What should come of the record. At least one field; all that are given have to hold." },
);

const stepFields = {
  input: Type.Union([Type.String({ minLength: 1 }), anyObject("Written as JSON without spaces.")], {
    description: "The record: a text; or an object, which is written as JSON without spaces.",
    "x-words": "a text that is not empty, or an object",
  }),
  expect: Type.Union([Type.Null(), Type.String(), expectationSchema], {
    description: "null: a rule drops it. A text: it comes out as this. An object: more about it.",
    "x-words": "null, a text or an object",
  }),
  at_ms: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 2 ** 45,
      description:
        "When it arrives, in milliseconds; in a sequence not before the one in front of it. Absent: with that one, the first at 0.",
    }),
  ),
  from: Type.Optional(
    Type.Object(
      {
        transport: Type.Optional(
          Type.Union([Type.Literal("tcp"), Type.Literal("tls"), Type.Literal("udp"), Type.Literal("stdin")], {
            description: "How.",
          }),
        ),
        address: Type.Optional(Type.String({ description: "IPv4 or IPv6." })),
        port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: "Of the sender." })),
      },
      { description: "Who sends it." },
    ),
  ),
};

const stepSchema = Type.Object(stepFields);

const testFields = {
  name: Type.String({ minLength: 1, description: "Reads as behaviour; no two share one." }),
  input: Type.Optional(stepFields.input),
  expect: Type.Optional(stepFields.expect),
  at_ms: stepFields.at_ms,
  from: stepFields.from,
  sequence: Type.Optional(
    Type.Array(stepSchema, {
      minItems: 1,
      maxItems: listMax,
      description: "Instead of input and expect: several records, of which rules remember what they remember.",
    }),
  ),
};

export const ruleTestSchema = Type.Object(testFields, {
  description: "One behaviour. Each test begins with rules that have seen nothing.",
  examples: [
    { name: "debug is dropped", input: "DEBUG user login", expect: null },
    {
      name: "no card number leaves",
      input: { level: "info", card: "4111 1111 1111 1111" },
      expect: { excludes: "4111 1111 1111 1111", changed_by: ["redact_cards"] },
    },
  ],
});

export const ruleTestsSchema = Type.Array(ruleTestSchema, {
  minItems: 1,
  maxItems: listMax,
  description: "The tests, in any order.",
});

export type Expectation = Static<typeof expectationSchema>;
export type Step = Static<typeof stepSchema>;

/** A test with one step or more. */
export interface RuleTest {
  readonly name: string;
  readonly steps: readonly Step[];
  /** It was written as a sequence, so that a failure says at which step. */
  readonly sequence: boolean;
}

/** Rules, the outputs that they route to, and what should come of records. */
export interface RuleTests {
  readonly rules: readonly Rule[];
  /** With their ids; none: the console. */
  readonly outputs: readonly OutputConfig[];
  readonly tests: readonly RuleTest[];
  /** Sentences for what is ignored. */
  readonly warnings: readonly string[];
}

/** Rules and outputs that are given elsewhere. */
export interface RuleSource {
  readonly rules: readonly Rule[];
  readonly outputs?: readonly OutputConfig[];
}

export interface ReadRuleTestsOptions {
  readonly check: PatternChecker;
  /** Used where the tests name no rules. */
  readonly rules?: RuleSource | undefined;
  /** Reads rules that the tests name by a path. Absent: a path is refused. */
  readonly load?: (path: string) => RuleSource;
}

/**
 * Reads rule tests: an object with `tests`, and with `rules` as a list, as a manifest, or as the path of a file with either.
 * @throws StreamGateError SG_RULE_TEST naming the field (`tests[2] "cards" expect.contain`), or what is wrong with a rule or an output
 */
export function readRuleTests(value: unknown, { check, rules, load }: ReadRuleTestsOptions): RuleTests {
  if (!isRecord(value)) throw refused("tests", `must be an object, not ${nameOf(value)}`, example);
  const stranger = Object.keys(value).find((key) => !["rules", "outputs", "tests", "description"].includes(key));
  if (stranger !== undefined)
    throw refused(placeOf([stranger]), "is no part of rule tests", "known are rules, outputs, tests, description");
  const tests = readTests(value.tests);
  const subject = readSubject(value, rules, check, load);
  return { ...subject, tests };
}

function readSubject(
  { rules, outputs }: Readonly<Record<string, unknown>>,
  given: RuleSource | undefined,
  check: PatternChecker,
  load: ReadRuleTestsOptions["load"],
): Omit<RuleTests, "tests"> {
  if (isRecord(rules)) {
    const { manifest, warnings } = readManifest(rules, check);
    const { processors, outputs: own } = activePipeline(manifest);
    if (outputs === undefined) return { rules: processors, outputs: own, warnings };
    return { ...readRulesAndOutputs(processors, outputs, check), warnings };
  }
  if (Array.isArray(rules)) return readRulesAndOutputs(rules, outputs ?? [], check);
  if (typeof rules === "string" && load === undefined)
    throw refused("rules", "is a path, and no files are read here", "give the list of rules itself, or leave it out");
  if (rules !== undefined && typeof rules !== "string")
    throw refused("rules", `must be a list, a manifest or a path, not ${nameOf(rules)}`, example);
  const source = rules === undefined ? given : load!(rules);
  if (source === undefined) throw refused("rules", "is missing", "give the list of rules, or the path of their file");
  if (outputs === undefined) return { rules: source.rules, outputs: source.outputs ?? [], warnings: [] };
  return readRulesAndOutputs(source.rules, outputs, check);
}

function readTests(value: unknown): readonly RuleTest[] {
  if (value === undefined) throw refused("tests", "is missing", example);
  const violation = firstViolation(ruleTestsSchema, value);
  if (violation !== undefined) throw refused(placeOf(violation.path, "tests"), violation.what, example);
  const names = new Set<string>();
  return (value as Static<typeof ruleTestsSchema>).map((test, index) => {
    const place = `tests[${index}] ${JSON.stringify(test.name)}`;
    if (names.has(test.name)) throw refused(place, "is the name of another test, too", "give each its own");
    names.add(test.name);
    refuseUnknown(test, testFields, place);
    return readTest(test, place);
  });
}

function refuseUnknown(value: object, known: Readonly<Record<string, unknown>>, place: string): void {
  const stranger = Object.keys(value).find((key) => !Object.hasOwn(known, key));
  if (stranger === undefined) return;
  const fix = `known are ${Object.keys(known).join(", ")}`;
  throw refused(`${place} ${placeOf([stranger])}`, "is no part of a test", fix);
}

function readTest(test: Static<typeof ruleTestSchema>, place: string): RuleTest {
  const { name, sequence, ...alone } = test;
  if (sequence !== undefined) {
    const beside = (["input", "expect", "at_ms", "from"] as const).find((key) => alone[key] !== undefined);
    if (beside !== undefined)
      throw refused(`${place} ${beside}`, "does nothing beside sequence", "put it into a step of the sequence");
    let lastMs = 0;
    sequence.forEach((step, index) => {
      refuseUnknown(step, stepFields, `${place} sequence[${index}]`);
      checkStep(step, `${place} sequence[${index}]`);
      const atMs = step.at_ms ?? lastMs;
      if (atMs < lastMs)
        throw refused(`${place} sequence[${index}].at_ms`, "is earlier than the step before", "put steps in order");
      lastMs = atMs;
    });
    return { name, steps: sequence, sequence: true };
  }
  checkStep(alone, place);
  return { name, steps: [alone as Step], sequence: false };
}

function checkStep(step: Partial<Step>, place: string): void {
  for (const key of ["input", "expect"] as const)
    if (step[key] === undefined) throw refused(`${place} ${key}`, "is missing", example);
  const { expect, from } = step;
  if (from !== undefined) refuseUnknown(from, stepFields.from.properties, `${place} from`);
  if (typeof expect !== "object" || expect === null) return;
  refuseUnknown(expect, expectationSchema.properties, `${place} expect`);
  const given = Object.keys(expect);
  if (given.length === 0)
    throw refused(
      `${place} expect`,
      "expects nothing",
      `give one of ${Object.keys(expectationSchema.properties).join(", ")}`,
    );
  const gone = given.find((key) => key === "dropped_by" || key === "withheld_by");
  const left = given.find((key) => key === "output" || key === "contains" || key === "outputs");
  if (gone !== undefined && left !== undefined)
    throw refused(`${place} expect`, `has ${gone} and ${left}: of a record that is gone nothing comes out`, "keep one");
}

const example = 'write it as {"tests":[{"name":"debug is dropped","input":"DEBUG x","expect":null}]}';

function refused(where: string, what: string, fix: string): StreamGateError {
  return new StreamGateError("SG_RULE_TEST", { where, what, fix });
}
