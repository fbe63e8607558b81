/** The public API as an installed package shows it, on both engines: the same bytes as `streamgate pipe`, however the input is cut. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { finished, pipeline } from "node:stream/promises";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type * as api from "../../src/index.ts";
import { blocksOf } from "../fixtures/documentation.ts";
import { runCommand } from "../fixtures/gate.ts";
import { engines, nodeFile, repository } from "../fixtures/requirement.ts";

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

/** By rules: both engines are held to the same run. */
const runs = new Map<readonly api.Rule[], Promise<string>>();

function piped(rules: readonly api.Rule[], bytes: Buffer, framing: string | undefined): Promise<string> {
  const known = runs.get(rules);
  if (known !== undefined) return known;
  const file = join(folder, `rules-${runs.size}.json`);
  writeFileSync(file, JSON.stringify(rules));
  const flags = framing === undefined ? [] : ["--framing", framing];
  const run = runCommand(["pipe", "--rules", file, ...flags], bytes).then(({ stdout }) => timeless(stdout));
  runs.set(rules, run);
  return run;
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`the library on ${engine}${note}`, () => {
    it.each(cases)("gives the bytes of `streamgate pipe`: $name", async ({ rules, input: bytes = input, framing }) => {
      const wanted = await piped(rules, bytes, framing);
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

    it("gives the same bytes however a stream is cut", async () => {
      const made = createEngine({ rules: [dropDebug, cards], engine });
      const whole = made.run(input);
      const seed = process.env.SEED === undefined ? Date.now() % 2 ** 31 : Number(process.env.SEED);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 }),
          async (sizes) => {
            const source = async function* () {
              for (let at = 0, turn = 0; at < input.length; turn++) {
                const size = sizes[turn % sizes.length]!;
                yield input.subarray(at, at + size);
                at += size;
              }
            };
            const out = await buffer(Readable.from(source()).pipe(made.transform()));
            expect(out.equals(whole)).toBe(true);
          },
        ),
        { seed, numRuns: 30 },
      );
      balanced(made);
      made.close();
    });

    it("hands out what a protect rule cannot finish, and passes what comes beside it whatever the listener throws", async () => {
      const withheld: api.WithheldRecord[] = [];
      const made = createEngine({ rules: [grow], engine, onWithheld: (record) => withheld.push(record) });
      // More than the engine has room for, so that it stops and goes on.
      const out = made.run(`xa\n${`${tooLong}\n`.repeat(5)}xaa\n`);
      expect(out.toString()).toBe("xbbbbbbbbb\nxbbbbbbbbbbbbbbbbbb\n");
      expect(withheld.map(({ record, rule, cause }) => [record.length, rule, cause])).toEqual(
        Array.from({ length: 5 }, () => [tooLong.length, "grow", "output_limit"]),
      );
      expect(withheld[4]!.record.toString()).toBe(tooLong);
      expect(made.stats().quarantined).toEqual({ records: 5, bytes: 5 * tooLong.length });
      expect(made.stats().rules.grow!.quarantined.records).toBe(5);
      balanced(made);
      made.close();
    });

    it("waits while nobody reads", async () => {
      const made = createEngine({ rules: [], engine });
      const stream = made.transform();
      const chunk = Buffer.from(`${"x".repeat(1023)}\n`.repeat(64));
      let written = 0;
      for (; written < 100; written++) if (!stream.write(chunk)) break;
      expect(written).toBeLessThan(4);
      // One chunk of 1 MiB runs piece by piece: what is not read does not run.
      const large = made.transform();
      large.write(Buffer.concat(Array.from({ length: 16 }, () => chunk)));
      expect(large.readableLength).toBe(chunk.length);
      large.end();
      expect((await buffer(large)).length).toBe(16 * chunk.length);
      stream.destroy();
      made.close();
    });

    it("counts a record that a destroyed stream leaves unfinished", async () => {
      const made = createEngine({ rules: [], engine });
      const stream = made.transform();
      stream.write("whole\nhalf of");
      stream.destroy();
      await finished(stream, { error: false }).catch(() => {});
      expect(made.stats().lost.unfinished).toEqual({ records: 1, bytes: 7 });
      balanced(made);
      made.close();
    });

    it("refuses to run when it is closed, and closes twice", async () => {
      const made = createEngine({ rules: [dropDebug], engine });
      const stream = made.transform();
      made.run("DEBUG\n");
      made.close();
      made.close();
      expect(() => made.run("x")).toThrow(expect.objectContaining({ code: "SG_ENGINE_CLOSED" }));
      expect(() => made.flush()).toThrow(expect.objectContaining({ code: "SG_ENGINE_CLOSED" }));
      await expect(pipeline(Readable.from(["x\n"]), stream)).rejects.toMatchObject({ code: "SG_ENGINE_CLOSED" });
      expect(made.stats().rules.drop_debug!.dropped.records).toBe(1);
      {
        using disposed = createEngine({ rules: [], engine });
        expect(disposed.run("x").toString()).toBe("x\n");
      }
    });

    it("takes memory of a plain Uint8Array, cuts long records, and takes a chunk for a record where asked", () => {
      const made = createEngine({ rules: [], engine, maxRecordBytes: 1024 });
      expect(made.run(new TextEncoder().encode("größer\n")).toString()).toBe("größer\n");
      expect(made.run(`${". ".repeat(1000)}\n`).length).toBe(1025);
      expect(made.stats().lost.oversize.bytes).toBe(2000 - 1024);
      balanced(made);
      made.close();
      const datagrams = createEngine({ rules: [], engine, framing: "datagram" });
      expect(datagrams.run("one\ntwo\n").toString()).toBe("one\ntwo\n");
      expect(datagrams.stats().received.records).toBe(1);
      datagrams.close();
    });
  });
}

describe("compile", () => {
  it("refuses what the control API refuses, with code, place, reason and remedy", () => {
    expect(() => compile([{ id: "a", type: "redact", params: { pattern: "(?=x)" } }])).toThrow(StreamGateError);
    for (const [wrong, code, where] of [
      [[{ id: "a", type: "redact", params: { pattern: "(?=x)" } }], "SG_RULE_PATTERN", 'rules[0] "a" params.pattern'],
      [[dropDebug, dropDebug], "SG_RULE_DUPLICATE", "rules[1] id"],
      [{ pipelines: [] }, "SG_MANIFEST", "pipelines"],
      [
        { pipelines: [{ outputs: [{ type: "http", url: "http://169.254.169.254/" }] }] },
        "SG_OUTPUT_ADDRESS",
        "pipelines[0].outputs[0].url",
      ],
      [
        { pipelines: [{ processors: [{ id: "r", type: "route", params: { outputs: ["x"] } }] }] },
        "SG_RULE_OUTPUT",
        "r",
      ],
    ] as const)
      expect(() => compile(wrong as api.RulesInput)).toThrow(
        expect.objectContaining({ code, where: expect.stringContaining(where) }),
      );
  });

  it("explains what rules do to single records, and how they protect less than others", () => {
    const compiled = compile({ pipelines: [{ processors: [dropDebug, { ...cards, extra: 1 }] }] });
    expect(compiled.explain(["DEBUG x", Buffer.from("4111 1111 1111 1111")])).toMatchObject([
      { fate: "dropped", by: "drop_debug" },
      { fate: "passed", changes: [{ rule: "cards", replacements: 1 }], output: Buffer.from("[credit_card]") },
    ]);
    expect(compile([dropDebug]).weakened(compiled)).toMatchObject([{ rule: "cards", how: "deleted" }]);
    expect(compiled.weakened([dropDebug])).toEqual([]);
    expect(compile([{ ...dropDebug, params: { value: "x", nothing: 1 } }]).warnings[0]).toContain("params.nothing");
  });

  it("leaves keys of rules where they are until an engine is made", () => {
    const hashed = {
      id: "h",
      type: "redact",
      params: { detectors: ["email"], mode: "hash", key: { env: "NOT_SET_HERE" } },
    };
    const compiled = compile([hashed]);
    expect(() => createEngine({ rules: compiled })).toThrow(expect.objectContaining({ code: "SG_RULE_SECRET" }));
    process.env.NOT_SET_HERE = "0123456789abcdef0123";
    try {
      const made = createEngine({ rules: compiled });
      expect(made.run("jane@example.com").toString()).not.toContain("jane");
      expect(JSON.stringify(compiled)).not.toContain("0123456789abcdef");
      made.close();
    } finally {
      delete process.env.NOT_SET_HERE;
    }
  });
});

describe("createEngine", () => {
  it.each([
    [{ rules: [], framing: "lines" }, "SG_SETTING", "createEngine options.framing"],
    [{ rules: [], source: { transport: "carrier" } }, "SG_SETTING", "createEngine options.source.transport"],
    [{ rules: [], source: { transport: "tcp", address: "here" } }, "SG_SETTING", "createEngine options.source.address"],
    [{ rules: [], maxRecordBytes: 5 }, "SG_SETTING", "createEngine options.maxRecordBytes"],
    [{ rules: [{ id: "a" }] }, "SG_RULE_PARAMS", "rules[0]"],
  ])("refuses %j", (options, code, where) => {
    expect(() => createEngine(options as unknown as api.EngineOptions)).toThrow(
      expect.objectContaining({ code, where: expect.stringContaining(where) }),
    );
  });

  it("shows conditions the source that it was told", () => {
    const inside = { ...dropDebug, when: { source: ["10.0.0.0/8"] } };
    for (const [address, left] of [
      ["10.1.2.3", ""],
      ["192.168.0.1", "DEBUG x\n"],
    ] as const) {
      const made = createEngine({ rules: [inside], source: { transport: "tcp", address } });
      expect(made.run("DEBUG x").toString()).toBe(left);
      made.close();
    }
  });

  it("refuses input that is neither text nor bytes", () => {
    const made = createEngine({ rules: [] });
    expect(() => made.run({} as never)).toThrow(expect.objectContaining({ code: "SG_INPUT" }));
    made.close();
  });
});

/** Promise P2, in records and in bytes. */
function balanced(engine: api.RuleEngine): void {
  const { received, created, passed, quarantined, lost, rules } = engine.stats();
  for (const unit of ["records", "bytes"] as const) {
    const dropped = Object.values(rules).reduce((sum, rule) => sum + rule.dropped[unit], 0);
    const gone = lost.oversize[unit] + lost.frame[unit] + lost.unfinished[unit];
    expect(received[unit] + created[unit]).toBe(passed[unit] + quarantined[unit] + dropped + gone);
  }
}

describe("docs/library.md", () => {
  it("shows what comes out", () => {
    const shown = blocksOf("docs/library.md")
      .filter(({ language, text }) => language === "js" && !/createGate\(|transport|pipeline\(/.test(text))
      .map(({ text }) => text.replace(/^import .*$/gm, ""))
      .join("\n");
    let checked = 0;
    const check = (value: unknown, wanted: unknown) => {
      checked++;
      // What is left out of an object is of no matter, a list is shown whole.
      if (Array.isArray(wanted)) expect(value).toMatchObject(wanted);
      else expect(value).toEqual(wanted);
    };
    const program = shown.replace(
      /^(.+); \/\/ ([["].*)$/gm,
      (_, expression, wanted) => `check(${expression}, ${wanted.replace(/, …/g, "")});`,
    );
    new Function("compile", "createEngine", "check", program)(compile, createEngine, check);
    expect(checked).toBe(3);
  });
});

describe("loading the package", () => {
  it("brings no server, no client and nothing else of the packages", () => {
    const program = `
      import { registerHooks } from "node:module";
      const loaded = new Set();
      registerHooks({ load: (url, context, next) => {
        const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
        if (name !== undefined) loaded.add(name);
        return next(url, context);
      } });
      const { createEngine } = await import("streamgate");
      createEngine({ rules: [{ id: "a", type: "redact", params: { detectors: ["email"] } }] }).close();
      console.log([...loaded].sort().join());`;
    const { stdout, stderr } = spawnSync(nodeFile, ["--input-type=module", "-e", program], {
      cwd: repository,
      encoding: "utf8",
    });
    expect({
      loaded: stdout
        .trim()
        .split(",")
        .filter((name) => !["re2js", "detect-libc"].includes(name)),
      stderr,
    }).toEqual({
      loaded: [""],
      stderr: "",
    });
  });
});
