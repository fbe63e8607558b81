/** Rule tests: what each expectation holds a record to, what a failure says, and which tests are refused. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { evaluate } from "../data/engine/evaluate.ts";
import { portableKind } from "../data/engine/portable/kind.ts";
import { readRuleTests } from "./format.ts";
import { reportText } from "./report.ts";
import { runRuleTests } from "./run.ts";

const rules = [
  { id: "debug", type: "filter", params: { value: "DEBUG" } },
  { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "#" } },
];
const outputs = [
  { id: "all", type: "http", url: "http://a" },
  { id: "errors", type: "http", url: "http://b", filter: { severity: { at_least: "ERROR" } } },
];
const kind = portableKind();
const report = (tests: readonly object[], more: object = {}) =>
  runRuleTests(readRuleTests({ rules, tests, ...more }, { check: checkPattern }), (plan, records) =>
    evaluate(kind, plan, records),
  );
/** The failures of one test. */
const failures = (test: object, more: object = {}) => report([{ name: "t", ...test }], more).tests[0]!.failures;
const refusal = (value: unknown) => {
  try {
    readRuleTests(value, { check: checkPattern });
  } catch (error) {
    return (error as Error).message;
  }
  return "taken";
};

describe("an expectation", () => {
  it.each([
    ["null holds where a rule drops it", { input: "DEBUG", expect: null }],
    ["a text is what comes out", { input: "x 123-45-6789", expect: "x #" }],
    [
      "output may be JSON, whatever the order of its keys",
      { input: { a: 1, b: "123-45-6789" }, expect: { output: { b: "#", a: 1 } } },
    ],
    [
      "contains and excludes take one text or several",
      { input: "ab 123-45-6789", expect: { contains: ["a", "#"], excludes: "123" } },
    ],
    ["dropped_by names the rule", { input: "DEBUG 123-45-6789", expect: { dropped_by: "debug", changed_by: [] } }],
    ["changed_by names the rules", { input: "123-45-6789", expect: { changed_by: ["ssn"] } }],
  ])("%s", (_name, test) => {
    expect(failures(test)).toEqual([]);
  });

  it.each([
    ["null", { input: "x", expect: null }, "fate", "dropped", "passed: x"],
    ["a text", { input: "x", expect: "y" }, "output", "y", "x"],
    ["a text, of a record that is gone", { input: "DEBUG", expect: "DEBUG" }, "fate", "passed", "dropped by debug"],
    ["JSON", { input: { a: 1 }, expect: { output: { a: "1" } } }, "output", '{"a":"1"}', '{"a":1}'],
    ["JSON, of text", { input: "a", expect: { output: {} } }, "output", "{}", "a"],
    ["contains", { input: "x", expect: { contains: ["x", "y"] } }, "contains", "y", "x"],
    ["excludes", { input: "x 7", expect: { excludes: ["y", "7"] } }, "excludes", "7", "x 7"],
    ["dropped_by", { input: "x", expect: { dropped_by: "debug" } }, "dropped_by", "dropped by debug", "passed: x"],
    [
      "dropped_by another",
      { input: "DEBUG", expect: { dropped_by: "ssn" } },
      "dropped_by",
      "dropped by ssn",
      "dropped by debug",
    ],
    ["withheld_by", { input: "x", expect: { withheld_by: "ssn" } }, "withheld_by", "withheld by ssn", "passed: x"],
    ["changed_by", { input: "x", expect: { changed_by: ["ssn"] } }, "changed_by", "ssn", "nobody"],
    ["changed_by nobody", { input: "123-45-6789", expect: { changed_by: [] } }, "changed_by", "nobody", "ssn"],
    ["created", { input: "x", expect: { created: ["s"] } }, "created", "s", ""],
  ])("%s fails, and says what came", (_name, test, what, expected, got) => {
    expect(failures(test)).toEqual([{ what, expected, got, input: expect.any(String) }]);
  });

  it("outputs are those that get it; where none is configured, the console", () => {
    const to = (input: string, ids: readonly string[], more: object = { outputs }) =>
      failures({ input, expect: { outputs: ids } }, more);
    expect(to("ERROR x", ["errors", "all"])).toEqual([]);
    expect(to("INFO x", ["all"])).toEqual([]);
    expect(to("INFO x", ["all", "errors"])).toMatchObject([{ what: "outputs", expected: "all, errors", got: "all" }]);
    expect(to("INFO x", ["console"], {})).toEqual([]);
    expect(to("INFO x", ["all"], {})).toMatchObject([{ what: "outputs", got: "console" }]);
  });

  it("of a record that a protect rule cannot finish is withheld_by, and null is not enough", () => {
    const greedy = [{ id: "greedy", type: "redact", params: { pattern: "a*", replacement: "b" } }];
    const input = "c".repeat(40_000);
    expect(failures({ input, expect: { withheld_by: "greedy" } }, { rules: greedy })).toEqual([]);
    expect(failures({ input, expect: null }, { rules: greedy })).toMatchObject([
      { what: "fate", got: "withheld by greedy (match_limit)" },
    ]);
  });
});

describe("a report", () => {
  it("counts tests, names steps, and rules that no test made do anything", () => {
    const told = report([
      { name: "good", input: "DEBUG", expect: null },
      {
        name: "bad",
        sequence: [
          { input: "a", expect: "a" },
          { input: "b", at_ms: 7, expect: null },
        ],
      },
    ]);
    expect(told).toMatchObject({ passed: 1, failed: 1, untested_rules: ["ssn"] });
    expect(told.tests[1]).toMatchObject({
      name: "bad",
      passed: false,
      failures: [{ step: 2, what: "fate", input: "b" }],
    });
  });

  it("shows where an output differs, within bounds, and nothing that a terminal would act on", () => {
    const long = `${"x".repeat(1000)}\u001b[31m`;
    const text = reportText(report([{ name: "long", input: `${long}1`, expect: `${long}2` }]), "f.json");
    expect(text).not.toContain("\u001b");
    const lines = text.split("\n");
    expect(lines[0]).toBe("f.json");
    expect(lines[1]).toBe("  FAIL  long");
    const at = lines.findIndex((line) => line.endsWith("^ differs from here"));
    expect(lines[at - 1]![lines[at]!.indexOf("^")]).toBe("1");
    for (const line of lines) expect(line.length).toBeLessThan(250);
  });
});

describe("rule tests are refused", () => {
  const tests = [{ name: "t", input: "x", expect: "x" }];
  it.each([
    ["that are no object", [], "tests: must be an object, not a list"],
    ["without tests", { rules }, "tests: is missing"],
    ["with none", { rules, tests: [] }, "tests: must not have fewer than 1 items"],
    ["without rules", { tests }, "rules: is missing"],
    ["with a path where files are not read", { rules: "r.json", tests }, "rules: is a path"],
    ["with a misspelt list", { rules, tests, test: [] }, "test: is no part of rule tests"],
    [
      "with a misspelt field",
      { rules, tests: [{ name: "t", input: "x", expects: null }] },
      'tests[0] "t" expects: is no part of a test',
    ],
    [
      "with a misspelt expectation",
      { rules, tests: [{ name: "t", input: "x", expect: { contain: "x" } }] },
      'tests[0] "t" expect contain: is no part',
    ],
    [
      "that expect nothing",
      { rules, tests: [{ name: "t", input: "x", expect: {} }] },
      'tests[0] "t" expect: expects nothing',
    ],
    ["without an expectation", { rules, tests: [{ name: "t", input: "x" }] }, 'tests[0] "t" expect: is missing'],
    ["with two of one name", { rules, tests: [...tests, ...tests] }, 'tests[1] "t": is the name of another test'],
    [
      "with an input beside a sequence",
      { rules, tests: [{ name: "t", input: "x", sequence: [{ input: "x", expect: "x" }] }] },
      'tests[0] "t" input: does nothing beside sequence',
    ],
    [
      "that go back in time",
      {
        rules,
        tests: [
          {
            name: "t",
            sequence: [
              { input: "x", at_ms: 2, expect: "x" },
              { input: "x", at_ms: 1, expect: "x" },
            ],
          },
        ],
      },
      "sequence[1].at_ms: is earlier",
    ],
    [
      "that contradict themselves",
      { rules, tests: [{ name: "t", input: "x", expect: { dropped_by: "a", contains: "x" } }] },
      "has dropped_by and contains",
    ],
    ["with a rule that is none", { rules: [{ id: "a", type: "nope" }], tests }, "no rule type"],
  ])("%s", (_name, value, message) => {
    expect(refusal(value)).toContain(message);
  });
});
