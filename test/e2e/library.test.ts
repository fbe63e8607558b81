/** The public API as an installed package shows it, on both engines: the same bytes as `streamgate pipe`, however the input is cut. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type * as api from "../../src/index.ts";
import { runCommand } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";

// Through package.json's `exports`, by Node's own loader.
const { StreamGateError, compile, createEngine } = createRequire(import.meta.url)("streamgate") as typeof api;

const folder = mkdtempSync(join(tmpdir(), "streamgate-library-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const dropDebug = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
const cards = { id: "cards", type: "redact", params: { detectors: ["credit_card", "email"] } };
/** Grows every `a` ninefold, so that a long run of them meets the output limit. */
const grow = { id: "grow", type: "redact", params: { pattern: "a", replacement: "bbbbbbbbb" } };
const tooLong = "a".repeat(100_000);

const lines = Array.from({ length: 400 }, (_, at) =>
  [
    `${at} INFO paid with 4111 1111 1111 1111 by jane${at}@example.com`,
    `${at} DEBUG cache hit`,
    `{"level":"info","message":"Straße ${at}","service":{"name":"test"}}`,
    `${at} SSN 123-45-6789\r`,
    "same again",
    "",
  ].slice(at % 3),
).flat();
const input = Buffer.from(`${lines.join("\n")}\nlast without an end`);

const cases: readonly { name: string; rules: api.Rule[]; input?: Buffer; framing?: string }[] = [
  { name: "no rules", rules: [] },
  { name: "filters and detectors", rules: [dropDebug, cards] },
  {
    name: "patterns, attributes and conditions",
    rules: [
      { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX" } },
      {
        id: "test",
        type: "attribute_filter",
        params: { attribute: "service.name", operator: "equals", value: "test" },
      },
      { ...dropDebug, when: { not: { severity: { at_least: "INFO" } } } },
    ],
  },
  { name: "rules that remember", rules: [{ id: "dedupe", type: "dedupe", params: { window_s: 3600 } }] },
  {
    name: "records that a protect rule cannot finish",
    rules: [grow],
    input: Buffer.from(`xa\n${tooLong}\nxaa\n`),
  },
  {
    name: "another framing",
    rules: [dropDebug],
    framing: "nul",
    input: Buffer.from("one\0DEBUG two\0three\nfour\0five"),
  },
];

/** Summaries say when records came. */
const timeless = (bytes: Buffer) =>
  bytes.toString("latin1").replace(/\d{4}-\d\d-\d\dT[\d:.]+Z|"(first|last)[^,}]*/g, "");

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`the library on ${engine}${note}`, () => {
    it.each(cases)("gives the bytes of `streamgate pipe`: $name", async ({ rules, input: bytes = input, framing }) => {
      const file = join(folder, `${engine}-rules.json`);
      writeFileSync(file, JSON.stringify(rules));
      const flags = framing === undefined ? [] : ["--framing", framing];
      const piped = await runCommand(["pipe", "--engine", engine, "--rules", file, ...flags], bytes);
      const wanted = timeless(piped.stdout);
      const options = { rules, engine, ...(framing !== undefined && { framing }) };

      const made = createEngine(options);
      expect(timeless(Buffer.concat([made.run(bytes), made.flush()]))).toBe(wanted);
      balanced(made);
      made.close();

      const source = async function* () {
        for (let at = 0; at < bytes.length; at += 1009) yield bytes.subarray(at, at + 1009);
      };
      const streaming = createEngine(options);
      expect(timeless(await buffer(Readable.from(source()).pipe(streaming.transform())))).toBe(wanted);
      balanced(streaming);
      streaming.close();

      const web = createEngine(options);
      const out = ReadableStream.from(source()).pipeThrough(web.webTransform());
      expect(timeless(await buffer(out))).toBe(wanted);
      web.close();
    });
  });
}

/** Promise P2, in records and in bytes. */
function balanced(engine: api.RuleEngine): void {
  const { received, created, passed, quarantined, lost, rules } = engine.stats();
  for (const unit of ["records", "bytes"] as const) {
    const dropped = Object.values(rules).reduce((sum, rule) => sum + rule.dropped[unit], 0);
    const gone = lost.oversize[unit] + lost.frame[unit] + lost.unfinished[unit];
    expect(received[unit] + created[unit]).toBe(passed[unit] + quarantined[unit] + dropped + gone);
  }
}
