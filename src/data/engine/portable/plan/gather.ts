/**
 * The records of a range that go to one output: counts them, or copies them into a batch of their own. Twin of
 * `native/plan/gather.h`.
 */

import { StreamGateError } from "../../../../errors.ts";
import type { Batch } from "../../batch.ts";
import type { Gathered } from "../../engine.ts";
import { batchEntry, batchHeader } from "../../layout.ts";

const entriesAt = batchHeader.bytes / 4;
const entryWords = batchEntry.bytes / 4;
const lengthAt = batchEntry.offsets.length / 4;
const routesLowAt = batchEntry.offsets.routesLow / 4;
const routesHighAt = batchEntry.offsets.routesHigh / 4;
const recordsAt = batchHeader.offsets.records / 4;
const bytesAt = batchHeader.offsets.bytes / 4;
/** Outputs that an entry's routes tell apart. */
const routeOutputsMax = 64;

export function routed(source: Batch, from: number, to: number, output: number): Gathered {
  checkRange(source, from, to, output);
  const { words } = source;
  const routesAt = output < 32 ? routesLowAt : routesHighAt;
  let records = 0;
  let bytes = 0;
  for (let i = from; i < to; i++) {
    const entry = entriesAt + i * entryWords;
    if (((words[entry + routesAt]! >>> (output % 32)) & 1) === 0) continue;
    records++;
    bytes += words[entry + lengthAt]!;
  }
  return { stopped: to, records, bytes, needBytes: 0 };
}

export function gather(source: Batch, from: number, to: number, output: number, target: Batch): Gathered {
  checkRange(source, from, to, output);
  if (target.memory === source.memory) throw wrong("a batch's records can not be gathered in itself");
  const { words } = source;
  const routesAt = output < 32 ? routesLowAt : routesHighAt;
  let targetRecords = target.records;
  let targetBytes = target.bytes;
  let bytes = 0;
  let needBytes = 0;
  // Neighbours are copied as one run, LFs included, when it ends.
  let runStart = 0;
  let runBytes = 0;
  const copyRun = () => {
    if (runBytes > 0) source.data.copy(target.data, targetBytes - runBytes, runStart, runStart + runBytes);
    runBytes = 0;
  };
  let i = from;
  for (; i < to; i++) {
    const entry = entriesAt + i * entryWords;
    if (((words[entry + routesAt]! >>> (output % 32)) & 1) === 0) {
      copyRun();
      continue;
    }
    const size = words[entry + lengthAt]! + 1;
    if (targetRecords === target.recordsMax || targetBytes + size > target.bytesMax) {
      needBytes = size;
      break;
    }
    if (runBytes === 0) runStart = words[entry]!;
    runBytes += size;
    const targetEntry = entriesAt + targetRecords * entryWords;
    target.words[targetEntry] = targetBytes;
    target.words[targetEntry + lengthAt] = size - 1;
    target.words[targetEntry + routesLowAt] = words[entry + routesLowAt]!;
    target.words[targetEntry + routesHighAt] = words[entry + routesHighAt]!;
    targetRecords++;
    targetBytes += size;
    bytes += size - 1;
  }
  copyRun();
  const records = targetRecords - target.records;
  target.words[recordsAt] = targetRecords;
  target.words[bytesAt] = targetBytes;
  return { stopped: i, records, bytes, needBytes };
}

function checkRange(source: Batch, from: number, to: number, output: number): void {
  if (!(from >= 0 && from <= to && to <= source.records)) throw wrong("the batch does not hold these records");
  if (!(output >= 0 && output < routeOutputsMax)) throw wrong("an output's number is no whole number from 0 to 63");
}

function wrong(what: string): StreamGateError {
  return new StreamGateError("SG_LAYOUT", { what });
}
