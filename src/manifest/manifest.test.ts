/** What the reader of manifests and rule lists takes, keeps, warns of and refuses, and where it says the fault is. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { StreamGateError } from "../errors.ts";
import { ruleTypes } from "../rules/index.ts";
import { activePipeline, maskManifest, passthrough, readManifest, readRules } from "./manifest.ts";

/** As the original Python control plane writes it: parameters all strings, absent fields null. */
const python = {
  version: "1.0",
  timestamp: "2025-01-01T00:00:00",
  pipelines: [
    {
      name: "default_pipeline",
      processors: [
        { id: "drop_debug", type: "filter", params: { value: "DEBUG", pattern: null } },
        { id: "ssn", type: "redact", params: { pattern: "\\d{3}", replacement: "XXX" } },
        {
          id: "test",
          type: "attribute_filter",
          params: { attribute: "service.name", operator: "equals", value: "test" },
        },
      ],
      outputs: [
        { type: "console", url: null, headers: null },
        { type: "http", url: "http://localhost:9000", headers: { "x-key": "k" } },
      ],
      batch_size: 100,
    },
  ],
};

const refusal = (read: () => unknown) => {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(StreamGateError);
    return error as StreamGateError;
  }
  throw new Error("it was accepted");
};

const withPipeline = (fields: object) => ({ version: "1", pipelines: [{ ...python.pipelines[0], ...fields }] });

describe("readManifest", () => {
  it("reads what the original control plane writes, without a warning", () => {
    const { manifest, warnings } = readManifest(python, checkPattern);
    expect(warnings).toEqual([]);
    const pipeline = activePipeline(manifest);
    expect(pipeline.processors[0]).toEqual({ id: "drop_debug", type: "filter", params: { value: "DEBUG" } });
    expect(pipeline.outputs).toEqual([
      { type: "console", id: "console" },
      { type: "http", id: "http-96751c", url: "http://localhost:9000", headers: { "x-key": "k" } },
    ]);
    expect(pipeline.batch_size).toBe(100);
  });

  it("reads its own result to the same result", () => {
    const { manifest } = readManifest(python, checkPattern);
    expect(readManifest(JSON.parse(JSON.stringify(manifest)), checkPattern).manifest).toEqual(manifest);
    expect(readManifest(passthrough, checkPattern).manifest).toEqual(passthrough);
  });

  it("takes text for booleans and numbers where a parameter wants them", () => {
    const processors = [{ id: "a", type: "filter", params: { value: "1", protect: "True" } }];
    const { manifest } = readManifest(withPipeline({ processors, batch_size: "250" }), checkPattern);
    expect(activePipeline(manifest)).toMatchObject({
      batch_size: 250,
      processors: [{ params: { value: "1", protect: true } }],
    });
  });

  it("keeps fields and pipelines that it does not know, and warns of what does nothing", () => {
    const { manifest, warnings } = readManifest(
      {
        ...withPipeline({
          owner: "team",
          processors: [{ id: "a", type: "filter", params: { value: "x", y: "1" }, note: "n" }],
        }),
        pipelines: [
          { processors: [{ id: "a", type: "filter", params: { value: "x", y: "1" }, note: "n" }], owner: "team" },
          { name: "second", processors: "whatever" },
        ],
        comment: "c",
      },
      checkPattern,
    );
    expect(manifest).toMatchObject({
      comment: "c",
      pipelines: [{ owner: "team" }, { name: "second", processors: "whatever" }],
    });
    expect(activePipeline(manifest).processors[0]).toMatchObject({ note: "n", params: { y: "1" } });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('pipelines[0].processors[0] "a" params.y: filter has no such parameter');
    expect(warnings[1]).toContain("only the first pipeline runs");
  });

  it("treats keys such as __proto__ as plain keys", () => {
    const text =
      '{"version":"1","__proto__":{"polluted":true},"pipelines":[{"processors":[{"id":"__proto__","type":"filter","params":{"value":"x"}}]}]}';
    const { manifest } = readManifest(JSON.parse(text), checkPattern);
    expect((manifest as Record<string, unknown>).polluted).toBeUndefined();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(activePipeline(manifest).processors[0]!.id).toBe("__proto__");
  });

  it("drops an output that is listed twice, with a warning", () => {
    const { manifest, warnings } = readManifest(
      withPipeline({ outputs: [{ type: "console" }, { type: "console" }] }),
      checkPattern,
    );
    expect(activePipeline(manifest).outputs).toHaveLength(1);
    expect(warnings[0]).toContain("pipelines[0].outputs[1]");
  });

  it("drops it too where only its id differs: every record would leave twice", () => {
    const outputs = [
      { type: "console", id: "a" },
      { type: "http", url: "http://h" },
      { type: "console", id: "b" },
    ];
    const { manifest, warnings } = readManifest(withPipeline({ outputs }), checkPattern);
    expect(activePipeline(manifest).outputs.map(({ id }) => id)).toEqual(["a", "http-dd2c13"]);
    expect(warnings).toHaveLength(1);
  });

  it("warns of what an output should not do unawares", () => {
    const outputs = [{ type: "http", url: "https://h", tls: { insecure_skip_verify: true } }];
    const { warnings } = readManifest(withPipeline({ outputs }), checkPattern);
    expect(warnings).toEqual([expect.stringContaining("pipelines[0].outputs[0].tls.insecure_skip_verify")]);
  });

  it("shows no secret of an output once it is masked, and is otherwise the same", () => {
    const { manifest } = readManifest(python, checkPattern);
    const shown = maskManifest(manifest);
    expect(activePipeline(shown).outputs[1]).toMatchObject({ headers: { "x-key": "***" } });
    expect(activePipeline(manifest).outputs[1]).toMatchObject({ headers: { "x-key": "k" } });
    expect(activePipeline(shown).processors).toEqual(activePipeline(manifest).processors);
    expect(() => readManifest(shown, checkPattern)).toThrow("is ***");
  });

  const rule = (fields: object) =>
    withPipeline({
      processors: [
        { id: "ok", type: "filter", params: { value: "x" } },
        { id: "r", ...fields },
      ],
    });
  it.each([
    ["a list", [], "SG_MANIFEST", "manifest"],
    ["no pipelines", { version: "1" }, "SG_MANIFEST", "pipelines"],
    ["an empty list of pipelines", { pipelines: [] }, "SG_MANIFEST", "pipelines"],
    ["processors that are no list", withPipeline({ processors: {} }), "SG_MANIFEST", "pipelines[0].processors"],
    ["a batch size out of range", withPipeline({ batch_size: 0 }), "SG_MANIFEST", "pipelines[0].batch_size"],
    ["an unknown rule type", rule({ type: "dedup" }), "SG_RULE_TYPE", 'pipelines[0].processors[1] "r" type'],
    ["a type called constructor", rule({ type: "constructor" }), "SG_RULE_TYPE", 'pipelines[0].processors[1] "r" type'],
    [
      "a bad pattern",
      rule({ type: "redact", params: { pattern: "[0-9" } }),
      "SG_RULE_PATTERN",
      'pipelines[0].processors[1] "r" params.pattern',
    ],
    [
      "a bad rewrite",
      rule({ type: "redact", params: { pattern: "a", replacement: "\\1" } }),
      "SG_RULE_REWRITE",
      'pipelines[0].processors[1] "r" params.replacement',
    ],
    [
      "a missing parameter",
      rule({ type: "redact", params: {} }),
      "SG_RULE_PARAMS",
      'pipelines[0].processors[1] "r" params',
    ],
    [
      "an empty value",
      rule({ type: "filter", params: { value: "" } }),
      "SG_RULE_PARAMS",
      'pipelines[0].processors[1] "r" params.value',
    ],
    [
      "half a surrogate pair",
      rule({ type: "filter", params: { value: "\ud83d" } }),
      "SG_RULE_PARAMS",
      'pipelines[0].processors[1] "r" params.value',
    ],
    [
      "a mode that there is not",
      rule({ type: "filter", params: { value: "x" }, mode: "dry_run" }),
      "SG_RULE_PARAMS",
      'pipelines[0].processors[1] "r" mode',
    ],
    [
      "a condition that asks nothing",
      rule({ type: "filter", params: { value: "x" }, when: { any: [{ value: "y" }, {}] } }),
      "SG_CONDITION",
      'pipelines[0].processors[1] "r" when.any[1]',
    ],
    [
      "a network that is none",
      rule({ type: "filter", params: { value: "x" }, when: { source: ["10.0.0.0/8", "10.0.0.0/33"] } }),
      "SG_CONDITION",
      'pipelines[0].processors[1] "r" when.source[1]',
    ],
    [
      "a filter whose inner condition RE2 refuses",
      rule({ type: "filter", params: { any: [{ value: "x" }, { pattern: "a(?=b)" }] } }),
      "SG_CONDITION",
      'pipelines[0].processors[1] "r" params.any[1].pattern',
    ],
    [
      "a route to an output that is not there",
      rule({ type: "route", params: { outputs: ["nowhere"] } }),
      "SG_RULE_OUTPUT",
      'pipelines[0].processors[1] "r" params.outputs',
    ],
    [
      "an id used twice",
      withPipeline({ processors: [python.pipelines[0]!.processors[0], python.pipelines[0]!.processors[0]] }),
      "SG_RULE_DUPLICATE",
      "pipelines[0].processors[1] id",
    ],
    [
      "an unknown output type",
      withPipeline({ outputs: [{ type: "pager" }] }),
      "SG_OUTPUT_TYPE",
      "pipelines[0].outputs[0].type",
    ],
    [
      "a URL that is none",
      withPipeline({ outputs: [{ type: "http", url: "localhost" }] }),
      "SG_OUTPUT_PARAMS",
      "pipelines[0].outputs[0].url",
    ],
    [
      "an id of two outputs",
      withPipeline({
        outputs: [
          { type: "http", url: "http://a", id: "x" },
          { type: "http", url: "http://b", id: "X" },
        ],
      }),
      "SG_OUTPUT_DUPLICATE",
      "pipelines[0].outputs[1].id",
    ],
    [
      "an id that names a path",
      withPipeline({ outputs: [{ type: "console", id: "../x" }] }),
      "SG_OUTPUT_PARAMS",
      "pipelines[0].outputs[0].id",
    ],
    [
      "a 65th output",
      withPipeline({ outputs: Array.from({ length: 65 }, (_, i) => ({ type: "http", url: `http://h/${i}` })) }),
      "SG_OUTPUT_COUNT",
      "pipelines[0].outputs",
    ],
  ])("refuses %s, naming the place", (_, value, code, where) => {
    const error = refusal(() => readManifest(value, checkPattern));
    expect([error.code, error.where]).toEqual([code, where]);
    expect(error.what).not.toBe("");
  });
});

describe("readRules", () => {
  it("reads a bare list", () => {
    expect(readRules([{ id: "a", type: "filter", params: { value: "x" } }], checkPattern).rules).toHaveLength(1);
    expect(refusal(() => readRules([{ id: "a", type: "filter", params: {} }], checkPattern)).where).toBe(
      'rules[0] "a" params',
    );
    expect(refusal(() => readRules({}, checkPattern)).code).toBe("SG_MANIFEST");
  });

  it("takes every example of every rule type", () => {
    const rules = [...ruleTypes.values()].flatMap(({ type, examples }) =>
      examples.map((params, index) => ({ id: `${type}${index}`, type, params })),
    );
    expect(readRules(rules, checkPattern)).toEqual({ rules, warnings: [] });
  });
});
