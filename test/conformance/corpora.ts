/**
 * The test corpora that lie in `../shared/corpora` beside the repository: their licences do not allow a copy here. Where they,
 * or `xz`, are missing, the tests that read them are skipped and say so.
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @returns the corpus' cases, or why they cannot be read */
export function readCorpus<Case>(name: string): Case[] | string {
  const lines = readCorpusFile(`${name}.jsonl.xz`);
  if (typeof lines === "string") return lines;
  return lines
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Case);
}

/**
 * @param name such as `lines/loghub.log.xz`
 * @returns what the file holds, unpacked, or why it cannot be read
 */
export function readCorpusFile(name: string): Buffer | string {
  const path = fileURLToPath(new URL(`../../../shared/corpora/${name}`, import.meta.url));
  if (!existsSync(path)) return `../shared/corpora/${name} is not there`;
  try {
    return execFileSync("xz", ["-dc", path], { maxBuffer: 1 << 28 });
  } catch (error) {
    return `xz cannot read ${name}: ${(error as Error).message}`;
  }
}
