/** What the bench sends: a file of seeded lines, what must come out of it under a piece of work, and what must not. */

import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Work } from "../work.ts";
import { jsonLines } from "./json_lines.ts";
import type { Line } from "./line.ts";
import { personalLines, textLines } from "./text_lines.ts";

export type CorpusKind = "text" | "personal" | "json" | "one";

const makers: Readonly<Record<CorpusKind, (lines: number) => Iterable<Line>>> = {
  text: textLines,
  personal: personalLines,
  json: jsonLines,
  // One line that no rule touches.
  one: () => [{ text: "2026-11-23T12:00:00.000Z INFO service-1 nothing else happened" }],
};

export interface Corpus {
  readonly path: string;
  readonly lines: number;
  readonly bytes: number;
}

/** What is left of a corpus, line by line. */
export interface Expected {
  /** A line for each line of the corpus, empty where it is dropped. */
  readonly path: string;
  /** Values that must not come out, one a line; undefined when nothing is redacted. */
  readonly plantedPath: string | undefined;
  /** Lines and bytes (line ends counted) that come out of the first n lines, by n. */
  readonly kept: Uint32Array;
  readonly keptBytes: Float64Array;
}

/** Writes a corpus of `lines` lines into `folder`; `one` stays one line. */
export function writeCorpus(folder: string, kind: CorpusKind, lines: number): Corpus {
  const path = join(folder, `${kind}.corpus`);
  return { path, ...writeLines(path, kind, lines) };
}

/** As `writeCorpus`, to a path of one's own. */
export function writeLines(path: string, kind: CorpusKind, lines: number): { lines: number; bytes: number } {
  const file = lineWriter(path);
  let count = 0;
  for (const { text } of makers[kind](lines)) {
    file.add(text);
    count++;
  }
  return { lines: count, bytes: file.end() };
}

/** Writes what `work` must leave of the corpus of that kind and length. */
export function writeExpected(folder: string, name: string, kind: CorpusKind, lines: number, work: Work): Expected {
  const path = join(folder, `${name}.expected`);
  const plantedPath = work.redact.length > 0 ? join(folder, `${name}.planted`) : undefined;
  const file = lineWriter(path);
  const planted = plantedPath === undefined ? undefined : lineWriter(plantedPath);
  const run = interpreter(work);
  const kept = new Uint32Array(lines + 1);
  const keptBytes = new Float64Array(lines + 1);
  let index = 0;
  for (const line of makers[kind](lines)) {
    const left = run(line.text);
    file.add(left ?? "");
    if (line.planted !== undefined) planted?.add(line.planted);
    kept[index + 1] = kept[index]! + (left === undefined ? 0 : 1);
    keptBytes[index + 1] = keptBytes[index]! + (left === undefined ? 0 : Buffer.byteLength(left) + 1);
    index++;
  }
  file.end();
  planted?.end();
  return { path, plantedPath, kept, keptBytes };
}

/** What comes out of `sent` lines, the corpus being sent again from its beginning when it ends. */
export function keptOf({ kept, keptBytes }: Expected, sent: number): { lines: number; bytes: number } {
  const length = kept.length - 1;
  const whole = Math.floor(sent / length);
  const rest = sent % length;
  return {
    lines: whole * kept[length]! + kept[rest]!,
    bytes: whole * keptBytes[length]! + keptBytes[rest]!,
  };
}

/**
 * The work done line by line with JavaScript's own regular expressions: a fourth opinion beside those of the subjects.
 * @returns undefined for a line that is dropped
 */
export function interpreter({ drop, dropJson, redact }: Work): (line: string) => string | undefined {
  const replacements = redact.map(({ pattern, replacement }) => [new RegExp(pattern, "g"), replacement] as const);
  return (line) => {
    if (drop.some((literal) => line.includes(literal))) return undefined;
    if (dropJson !== undefined) {
      const value = dropJson.path.reduce<unknown>(
        (at, key) => (at as Record<string, unknown>)?.[key],
        JSON.parse(line),
      );
      if (value === dropJson.equals) return undefined;
    }
    return replacements.reduce((text, [pattern, replacement]) => text.replace(pattern, () => replacement), line);
  };
}

function lineWriter(path: string): { add(line: string): void; end(): number } {
  const file = openSync(path, "w");
  let bytes = 0;
  let text = "";
  const flush = () => {
    bytes += writeSync(file, text);
    text = "";
  };
  return {
    add(line) {
      text += `${line}\n`;
      if (text.length > 1 << 20) flush();
    },
    end() {
      flush();
      closeSync(file);
      return bytes;
    },
  };
}
