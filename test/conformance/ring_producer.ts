/**
 * A producer thread for `ring.test.ts`: pushes numbered lines, some by some, and waits in short sleeps while the ring is full. What
 * follows a line's number is made from that number, so that a torn record shows.
 */

import { workerData } from "node:worker_threads";
import { loadAddon } from "../../src/data/engine/addon.ts";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { frameCells } from "../../src/data/engine/layout.ts";
import { nativeKind } from "../../src/data/engine/native/kind.ts";
import { portableKind } from "../../src/data/engine/portable/kind.ts";
import { notify } from "../../src/data/ring/wait.ts";
import { lineOf } from "./ring_lines.ts";

interface Task {
  memory: SharedArrayBuffer;
  number: number;
  engine: EngineKind["name"];
  /** How many; endless when it is to be terminated. */
  lines: number;
  linesPerChunk: number;
}

const { memory, number, engine, lines, linesPerChunk } = workerData as Task;
const kind = engine === "portable" ? portableKind() : native();
const ring = kind.openRing(memory, number);
const framer = kind.createFramer({ kind: "newline" }, 1 << 20, { transport: "tcp" }, new Float64Array(frameCells));
const sleep = new Int32Array(new SharedArrayBuffer(4));

for (let line = 0; line < lines; line += linesPerChunk) {
  let text = "";
  for (let i = line; i < line + linesPerChunk; i++) text += `${lineOf(number, i)}\n`;
  const chunk = Buffer.from(text);
  // Cut anywhere, so that records straddle chunks.
  for (const part of linesPerChunk === 1 ? [chunk] : [chunk.subarray(0, 1000), chunk.subarray(1000)]) {
    let at = 0;
    for (;;) {
      at = ring.pushChunk(framer, part, at, 0);
      if (at === part.length) break;
      Atomics.wait(sleep, 0, 0, 1);
    }
  }
  notify(memory);
}

function native(): EngineKind {
  const loaded = loadAddon();
  if ("failures" in loaded) throw new Error(loaded.failures.join("; "));
  return nativeKind(loaded.addon);
}
