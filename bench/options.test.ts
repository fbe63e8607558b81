/** The command line of the bench. */
import { describe, expect, it } from "vitest";
import { readOptions } from "./options.ts";
import { scenarios } from "./scenarios/index.ts";

describe("options", () => {
  it("run everything at full size by default", () => {
    const options = readOptions([]);
    expect(options.scenarios).toEqual(scenarios.map(({ name }) => name));
    expect(options).toMatchObject({ lines: 5_000_000, runs: 3, results: "bench/results", readme: undefined });
  });

  it("are small and write nothing when quick", () => {
    expect(readOptions(["--quick"])).toMatchObject({ lines: 100_000, runs: 1, results: undefined });
  });

  it("take lists and peers", () => {
    const options = readOptions(["--scenario", "raw,udp", "--peer", "vector=/opt/a=b/vector"]);
    expect(options.scenarios).toEqual(["raw", "udp"]);
    expect(options.peers.get("vector")).toBe("/opt/a=b/vector");
  });

  it("fill README.md unless another file is named", () => {
    expect(readOptions(["--readme"]).readme).toBe("README.md");
    expect(readOptions(["--readme", "--quick"]).readme).toBe("README.md");
    expect(readOptions(["--readme", "docs/x.md"]).readme).toBe("docs/x.md");
  });

  it.each([
    [["--scenario", "fast"], "no scenario is called fast"],
    [["--peer", "nagios=/x"], "--peer nagios=/x"],
    [["--peer", "vector"], "write NAME=PATH"],
    [["--lines", "many"], "--lines many"],
    [["--runs", "0"], "--runs 0"],
  ])("refuse %j", (args, words) => {
    expect(() => readOptions(args)).toThrow(words);
  });
});
