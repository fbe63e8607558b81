/** The file output as a description, and what it asks of whoever writes the file. */

import { describe, expect, it } from "vitest";
import { fileTargetOf } from "./file.ts";
import { describeOutput } from "./index.ts";
import { readOutput } from "./read.ts";

const read = (config: object = {}) => readOutput({ type: "file", path: "/var/log/kept.log", ...config }, "");

describe("file", () => {
  it("streams to a file and makes no requests", () => {
    const output = describeOutput(read());
    expect(output).toMatchObject({ stream: "file", envelope: { kind: "text" }, compressions: ["none"] });
    expect(output.request).toBeUndefined();
  });

  it("never rotates, and flushes every second, unless it is told otherwise", () => {
    expect(fileTargetOf(read())).toEqual({
      path: "/var/log/kept.log",
      rotate: { bytesMax: Number.POSITIVE_INFINITY, ageMsMax: Number.POSITIVE_INFINITY, keep: 10 },
      fsync: "interval",
      compressRotated: "none",
    });
  });

  it("hands on what was asked for", () => {
    const rotate = { max_bytes: 1000, max_age_s: 60, keep: 0 };
    expect(fileTargetOf(read({ rotate, fsync: "always", compress_rotated: "gzip" }))).toEqual({
      path: "/var/log/kept.log",
      rotate: { bytesMax: 1000, ageMsMax: 60_000, keep: Number.POSITIVE_INFINITY },
      fsync: "always",
      compressRotated: "gzip",
    });
  });

  it.each([
    [{ path: "kept.log" }, "path", "is no absolute path"],
    [{ path: "/var/log/" }, "path", "names a directory"],
    [{ path: "/var/log/a\0b" }, "path", "holds a NUL"],
    [{ path: null }, "path", "is missing"],
    [{ rotate: { max_bytes: -1 } }, "rotate.max_bytes", "must be >= 0"],
    [{ fsync: "sometimes" }, "fsync", 'must be "always"'],
    [{ compress_rotated: "xz" }, "compress_rotated", 'must be "none"'],
  ])("refuses %o at %s", (config, where, what) => {
    expect(() => read(config)).toThrow(
      expect.objectContaining({ code: "SG_OUTPUT_PARAMS", where, what: expect.stringContaining(what) }),
    );
  });
});
