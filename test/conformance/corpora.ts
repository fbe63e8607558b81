/**
 * The test corpora that lie in `../shared/corpora` beside the repository: their licences do not allow a copy here. Where they,
 * or `xz`, are missing, the tests that read them are skipped and say so.
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @returns the corpus' cases, or why they cannot be read */
export function readCorpus<Case>(name: string): Case[] | string {
  const path = fileURLToPath(new URL(`../../../shared/corpora/${name}.jsonl.xz`, import.meta.url));
  if (!existsSync(path)) return `../shared/corpora/${name}.jsonl.xz is not there`;
  try {
    const lines = execFileSync("xz", ["-dc", path], { maxBuffer: 1 << 28, encoding: "utf8" });
    return lines
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Case);
  } catch (error) {
    return `xz cannot read ${name}.jsonl.xz: ${(error as Error).message}`;
  }
}
