/** The console output as a description. */

import { describe, expect, it } from "vitest";
import { describeOutput } from "./index.ts";
import { readOutput } from "./read.ts";

describe("console", () => {
  it("streams to standard output and makes no requests", () => {
    const output = describeOutput(readOutput({ type: "console" }, ""));
    expect(output.stream).toBe("stdout");
    expect(output.request).toBeUndefined();
    expect(output.verdict).toBeUndefined();
  });
});
