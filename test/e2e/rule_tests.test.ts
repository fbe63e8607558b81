/** `streamgate test` and `POST /rules/test`: rule tests from files and over HTTP. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { oneEngine, repository } from "../fixtures/requirement.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";

afterEach(disposeGates);

const example = join(repository, "examples/rules.test.json");
const rules = [{ id: "debug", type: "filter", params: { value: "DEBUG" } }];
const good = { name: "debug goes", input: "DEBUG x", expect: null };
const bad = { name: "info goes", input: "INFO x", expect: null };

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`streamgate test on ${engine}${note}`, () => {
    const test = (args: readonly string[], input = "") => runCommand(["test", "--engine", engine, ...args], input);
    const file = (name: string, value: unknown) => {
      const path = join(temporaryDirectory("rule-tests"), name);
      writeFileSync(path, JSON.stringify(value));
      return path;
    };

    it("runs the examples, which hold", async () => {
      const { status, stdout, stderr } = await test([example]);
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout.toString()).toMatch(
        /^\S+rules.test.json\n {2}ok {4}debug lines are dropped\n[\s\S]*\n6 passed, 0 failed\n$/,
      );
    });

    it("ends with 1 when a test fails, and tells what came instead", async () => {
      const { status, stdout } = await test([file("a.json", { rules, tests: [good, bad] }), example]);
      expect(status).toBe(1);
      expect(stdout.toString()).toContain("FAIL  info goes\n          input       INFO x\n");
      expect(stdout.toString()).toMatch(/\n7 passed, 1 failed\n$/);
    });

    it("takes rules from --rules and tests from standard input, and prints JSON", async () => {
      const path = file("rules.json", rules);
      const { status, stdout } = await test(["-", "--json", "--rules", path], JSON.stringify({ tests: [good, bad] }));
      expect(status).toBe(1);
      expect(JSON.parse(stdout.toString())).toMatchObject({
        status: "failed",
        passed: 1,
        failed: 1,
        files: [
          {
            file: "standard input",
            tests: [{ passed: true }, { failures: [{ what: "fate", got: "passed: INFO x" }] }],
          },
        ],
      });
    });

    it.each([
      [{ rules, tests: [{ name: "t", input: "x", expects: null }] }, 'tests[0] "t" expects: is no part of a test'],
      [{ rules: "missing.json", tests: [good] }, "missing.json: cannot be read"],
      [{ rules: [{ id: "a", type: "filter", params: { pattern: "[" } }], tests: [good] }, "RE2 refuses it"],
    ])("refuses %j with 1, file and field", async (value, message) => {
      const path = file("wrong.json", value);
      const { status, stderr, stdout } = await test([path]);
      expect([status, stdout.toString()]).toEqual([1, ""]);
      expect(stderr).toContain(path.replace(/wrong\.json$/, ""));
      expect(stderr).toContain(message);
    });
  });

  describe.skipIf(skip)(`POST /rules/test on ${engine}${note}`, () => {
    it("runs tests against the draft, or against rules in the body, and changes nothing", async () => {
      const gate = await Gate.start({ engine });
      await gate.addRule("debug", "filter", { value: "DEBUG" });
      expect(await gate.ok("POST", "/rules/test", { tests: [good, bad] })).toMatchObject({
        status: "failed",
        passed: 1,
        failed: 1,
        untested_rules: [],
      });
      const own = [{ id: "info", type: "filter", params: { value: "INFO" } }];
      expect(await gate.ok("POST", "/rules/test", { rules: own, tests: [bad] })).toMatchObject({ status: "passed" });
      const { rules: _, ...file } = JSON.parse(readFileSync(example, "utf8"));
      const list = JSON.parse(readFileSync(join(repository, "examples/rules.json"), "utf8"));
      expect(await gate.ok("POST", "/rules/test", { ...file, rules: list })).toMatchObject({ passed: 6, failed: 0 });
      expect(await gate.ok("GET", "/rules")).toHaveLength(1);
    });

    it("refuses what it cannot run, naming the field", async () => {
      const gate = await Gate.start({ engine });
      const refusal = async (body: unknown) => {
        const { status, body: answer } = await gate.api("POST", "/rules/test", body);
        return [status, answer.error?.code, answer.error?.where];
      };
      expect(await refusal({ rules: "/etc/passwd", tests: [good] })).toEqual([422, "SG_RULE_TEST", "rules"]);
      expect(await refusal({})).toEqual([422, "SG_RULE_TEST", "tests"]);
      const many = Array.from({ length: 501 }, (_, index) => ({ ...good, name: String(index) }));
      expect(await refusal({ tests: many })).toEqual([422, "SG_RULE_TEST", "tests"]);
    });
  });
}
