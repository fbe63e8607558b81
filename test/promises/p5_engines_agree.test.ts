/**
 * P5: both engines give the same bytes. The conformance vectors and the differential fuzzer in `test/conformance/` hold them
 * together record by record; here the two whole programs meet, on the same input with rules of every type.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommand } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";

const native = engines.find(({ engine }) => engine === "native")!;

const rules = [
  { id: "debug", type: "filter", params: { value: "DEBUG" } },
  { id: "health", type: "filter", params: { pattern: "GET /health(z|check)? " } },
  { id: "test", type: "attribute_filter", params: { attribute: "log.level", operator: "regex", value: "^(?i)trace$" } },
  { id: "ssn", type: "redact", params: { pattern: "\\b\\d{3}-\\d{2}-(\\d{4})\\b", replacement: "XXX-XX-\\1" } },
  { id: "empty", type: "redact", params: { pattern: "z*", replacement: "-" } },
  { id: "word", type: "redact", params: { pattern: "\\pL+é", replacement: "[\\0]" } },
];

function records(): string {
  const parts = [
    "DEBUG ",
    "GET /healthz ",
    "GET /healthy ",
    '{"level":"TRACE"}',
    '{"severity":"info"}',
    "123-45-6789",
    "zzz",
    "café ",
    "日本é",
    "\0",
    "\t",
    "'",
  ];
  let state = 12_345; // A linear congruential generator (Numerical Recipes): the same lines in each run.
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let text = "";
  for (let line = 0; line < 20_000; line++) {
    for (let part = random(5); part >= 0; part--) text += parts[random(parts.length)];
    text += "\n";
  }
  return text;
}

describe.skipIf(native.skip)(`P5${native.note}`, () => {
  it("gives the same bytes and the same counts from both engines for rules of every type", async () => {
    const folder = mkdtempSync(join(tmpdir(), "streamgate-p5-"));
    const path = join(folder, "rules.json");
    writeFileSync(path, JSON.stringify(rules));
    const run = (engine: string) => runCommand(["pipe", "--engine", engine, "--rules", path, "--stats"], records());
    const [first, second] = [await run("native"), await run("portable")];
    rmSync(folder, { recursive: true });
    expect([first.status, second.status]).toEqual([0, 0]);
    expect(first.stdout.length).toBeGreaterThan(100_000);
    expect(first.stdout.equals(second.stdout)).toBe(true);
    const counts = (stderr: string) => ({
      ...JSON.parse(stderr.slice(stderr.indexOf("{"), stderr.lastIndexOf("}") + 1)),
      engine: "",
    });
    expect(counts(first.stderr)).toEqual(counts(second.stderr));
  });

  it("gives the same bytes from every scan kernel, and without prefilters", async () => {
    const folder = mkdtempSync(join(tmpdir(), "streamgate-p5-"));
    const path = join(folder, "rules.json");
    writeFileSync(path, JSON.stringify(rules));
    const input = records();
    const run = async (env: Record<string, string>) => {
      const { status, stdout } = await runCommand(["pipe", "--engine", "native", "--rules", path], input, env);
      expect(status).toBe(0);
      return stdout;
    };
    const plain = await run({ STREAMGATE_PREFILTER: "off" });
    for (const kernel of ["scalar", "v128", "avx2"])
      expect((await run({ STREAMGATE_SIMD: kernel })).equals(plain), kernel).toBe(true);
    rmSync(folder, { recursive: true });
  });
});
