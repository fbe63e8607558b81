/** An output's filter, wherever an output is read: alone, and in a manifest. */

import { describe, expect, it } from "vitest";
import { engines } from "../../test/conformance/engines.ts";
import { readManifest } from "../manifest/manifest.ts";
import { readOutput } from "./read.ts";

const check = (pattern: string) => engines()[0]!.checkPattern(pattern);

describe("an output's filter", () => {
  it.each([
    { type: "console", filter: { severity: { at_least: "ERROR" } } },
    { type: "http", url: "http://h", filter: { any: [{ value: "a" }, { pattern: "b+" }] } },
  ])("is taken and kept: %j", (output) => {
    const warnings: string[] = [];
    expect(readOutput(output, "", warnings, warnings, check)).toEqual(output);
    expect(warnings).toEqual([]);
  });

  it("is refused by its place when the output stands alone", () => {
    expect(() => readOutput({ type: "console", filter: { any: [{ pattern: "[a" }] } }, "", [], [], check)).toThrow(
      "filter.any[0].pattern: RE2 refuses it: missing ]: [a; close the character class",
    );
    expect(() => readOutput({ type: "console", filter: "ERROR" }, "", [], [], check)).toThrow(
      "filter: must be an object",
    );
  });

  it("is refused by its place in a manifest", () => {
    const manifest = (filter: unknown) => ({
      pipelines: [{ outputs: [{ type: "console" }, { type: "http", url: "http://h", filter }] }],
    });
    expect(() => readManifest(manifest({ pattern: "a**" }), check)).toThrow(
      "pipelines[0].outputs[1] filter.pattern: RE2 refuses it: bad repetition operator: **",
    );
    expect(() => readManifest(manifest({ valeu: "x" }), check)).toThrow(
      "pipelines[0].outputs[1] filter.valeu: is no part of a condition",
    );
    const { manifest: read } = readManifest(manifest({ value: "x" }), check);
    expect(read.pipelines[0].outputs[1]).toEqual({
      type: "http",
      id: "http-dd2c13",
      url: "http://h",
      filter: { value: "x" },
    });
    // Absent, as the original control plane writes it.
    expect(readManifest(manifest(null), check).manifest.pipelines[0].outputs[1]).toEqual({
      type: "http",
      id: "http-dd2c13",
      url: "http://h",
    });
  });
});
