/** `POST /rules/test`: rule tests, as `streamgate test` runs them from files. Nothing changes, and nothing is sent. */

import type { FastifyInstance } from "fastify";
import { StreamGateError } from "../../errors.ts";
import { readRuleTests, ruleTestsSchema } from "../../rule_tests/format.ts";
import { runRuleTests, stepsOf } from "../../rule_tests/run.ts";
import { Type } from "../../typebox.ts";
import { errors } from "../answer.ts";
import type { RouteContext } from "./context.ts";

/** They run while other calls wait: a test takes some milliseconds to make its rules ready. */
const stepsMax = 500;

const failureSchema = Type.Object({
  step: Type.Optional(Type.Integer({ description: "Of a sequence: which step, from 1." })),
  what: Type.String({ description: "Which expectation; fate: whether it comes out at all." }),
  expected: Type.String(),
  got: Type.String(),
  input: Type.String({ description: "The record that went in." }),
});

const example = {
  status: "failed",
  passed: 1,
  failed: 1,
  tests: [
    { name: "debug is dropped", passed: true, failures: [] },
    {
      name: "no card number leaves",
      passed: false,
      failures: [
        {
          what: "excludes",
          expected: "4111 1111 1111 1111",
          got: "paid with 4111 1111 1111 1111",
          input: "paid with 4111 1111 1111 1111",
        },
      ],
    },
  ],
  untested_rules: ["drop_health"],
  warnings: [],
};

export function ruleTestsRoutes(app: FastifyInstance, { store, check, evaluate }: RouteContext): void {
  app.post(
    "/rules/test",
    {
      schema: {
        tags: ["rules"],
        summary: "Run rule tests: records that go in, and what should come of them",
        description: `Rules absent: the draft's, with its outputs. Each test begins with rules that have seen nothing. At most ${stepsMax} records; \`streamgate test\` takes more. See docs/rule_tests.md.`,
        body: Type.Object(
          {
            rules: Type.Optional(
              Type.Array(Type.Object({}), { description: "Rules to test, in order; absent: the draft's." }),
            ),
            outputs: Type.Optional(
              Type.Array(Type.Object({}), {
                description:
                  "Outputs, where tests ask which of them a record goes to; absent with rules absent: the draft's.",
              }),
            ),
            tests: ruleTestsSchema,
          },
          { examples: [{ tests: [{ name: "debug is dropped", input: "DEBUG user login", expect: null }] }] },
        ),
        response: {
          200: Type.Object(
            {
              status: Type.Union([Type.Literal("passed"), Type.Literal("failed")], {
                description: "passed: every test did.",
              }),
              passed: Type.Integer({ description: "Tests that passed." }),
              failed: Type.Integer({ description: "Tests that did not." }),
              tests: Type.Array(
                Type.Object({ name: Type.String(), passed: Type.Boolean(), failures: Type.Array(failureSchema) }),
                { description: "Each test, in order." },
              ),
              untested_rules: Type.Array(Type.String(), {
                description: "Ids of enabled rules that no test made do anything.",
              }),
              warnings: Type.Array(Type.String(), {
                description: "What of the rules and outputs is ignored, with its place.",
              }),
            },
            { description: "What came of them.", examples: [example] },
          ),
          ...errors(413, 415, 422),
        },
      },
    },
    async ({ body }) => {
      const { rules, outputs } = store.draft;
      const tests = readRuleTests(body, { check, rules: { rules, outputs } });
      const steps = stepsOf(tests.tests);
      if (steps > stepsMax)
        throw new StreamGateError("SG_RULE_TEST", {
          where: "tests",
          what: `hold ${steps} records, and ${stepsMax} are run at once here`,
          fix: "send fewer, or run them with `streamgate test`",
        });
      const report = runRuleTests(tests, evaluate);
      return { status: report.failed === 0 ? "passed" : "failed", ...report, warnings: tests.warnings };
    },
  );
}
