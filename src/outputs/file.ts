/** `file`: each record's bytes and a newline at the end of a file, which is rotated by size and age. */

import { isAbsolute } from "node:path";
import { type Static, Type } from "../typebox.ts";
import type { OutputConfig } from "./output.ts";
import { defineOutput } from "./output_type.ts";

const MiB = 1024 * 1024;

const rotateDefaults = { max_bytes: 0, max_age_s: 0, keep: 10 };

const params = Type.Object({
  path: Type.String({ minLength: 1, description: "Absolute path of the file." }),
  rotate: Type.Optional(
    Type.Object(
      {
        max_bytes: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 2 ** 50,
            default: rotateDefaults.max_bytes,
            description: "Size at which a new file is begun; 0: whatever its size.",
          }),
        ),
        max_age_s: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 3650 * 86_400,
            default: rotateDefaults.max_age_s,
            description: "Seconds after which a new file is begun; 0: whatever its age.",
          }),
        ),
        keep: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 100_000,
            default: rotateDefaults.keep,
            description: "Files kept beside the one that is written; older ones are deleted. 0: all of them.",
          }),
        ),
      },
      { description: "When a new file is begun, and how many old ones are kept. Absent: never." },
    ),
  ),
  fsync: Type.Optional(
    Type.Union([Type.Literal("always"), Type.Literal("interval"), Type.Literal("never")], {
      default: "interval",
      description:
        "When what was written is made to outlive a power cut: at every write, every second, or when the system likes.",
    }),
  ),
  compress_rotated: Type.Optional(
    Type.Union([Type.Literal("none"), Type.Literal("gzip"), Type.Literal("zstd")], {
      default: "none",
      description: "Compression of files that are not written any more.",
    }),
  ),
});

/** What is asked of whoever writes the file, with everything that was left out. */
export interface FileTarget {
  readonly path: string;
  readonly rotate: {
    /** Infinity: no matter. */
    readonly bytesMax: number;
    readonly ageMsMax: number;
    /** Infinity: all. */
    readonly keep: number;
  };
  readonly fsync: "always" | "interval" | "never";
  readonly compressRotated: "none" | "gzip" | "zstd";
}

/** @param config of type `file`, accepted before */
export function fileTargetOf(config: OutputConfig): FileTarget {
  const { path, rotate, fsync = "interval", compress_rotated = "none" } = config as unknown as Static<typeof params>;
  const { max_bytes, max_age_s, keep } = { ...rotateDefaults, ...rotate };
  const limit = (value: number) => (value === 0 ? Number.POSITIVE_INFINITY : value);
  return {
    path,
    rotate: { bytesMax: limit(max_bytes), ageMsMax: limit(max_age_s * 1000), keep: limit(keep) },
    fsync,
    compressRotated: compress_rotated,
  };
}

export const file = defineOutput({
  type: "file",
  description: "Appends each record and a newline to a file.",
  params,
  common: ["id", "filter", "queue", "prices"],
  compressions: ["none"],
  examples: [
    { path: "/var/log/streamgate/kept.log" },
    {
      path: "/var/log/streamgate/kept.log",
      rotate: { max_bytes: 100 * MiB, max_age_s: 86_400, keep: 7 },
      compress_rotated: "zstd" as const,
    },
  ],
  refusal({ path }) {
    if (!isAbsolute(path)) {
      return {
        param: "path",
        what: "is no absolute path, and would depend on where the program was started",
        fix: "begin it with /",
      };
    }
    if (path.includes("\0")) return { param: "path", what: "holds a NUL character", fix: "leave it out" };
    if (/[/\\]$/.test(path)) return { param: "path", what: "names a directory", fix: "name a file in it" };
    return undefined;
  },
  describe: () => ({
    type: "file",
    stream: "file",
    envelope: { kind: "text" },
    compressions: ["none"],
    limits: { recordsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY },
  }),
});
