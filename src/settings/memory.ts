/**
 * How much memory the program may take (`MEMORY_BUDGET`), and what of it is left for what waits: queues and unfinished records.
 *
 * The rest is what it takes anyhow, whatever arrives: Node and the program's code, each worker's heap, engine and batches, the rings.
 * docs/overload.md draws the sum.
 */

import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { KiB, MiB } from "./quantity.ts";

/** Measured on x86-64, Node 26, as resident with nothing to do: 88 MiB and 11 a worker (native), 95 and 24 (portable). */
const processBytes = 96 * MiB;
/**
 * The idle worker above, 20 MiB for the HTTP client and the outputs' schemas, seven batches of 512 KiB with their index, read buffers,
 * and what a heap gains under load.
 */
const workerBytes = 56 * MiB;
/** The stdout writer's queue; the portable one has a ring of at least twice the largest record that an engine writes. */
const stdoutBytes = 16 * MiB;
/**
 * Of what is left, what the account may count: it counts bytes of records, and with each come an index, the rest of its batch, the
 * allocator's rounding, a portable framer's slack, and what crosses the limit before somebody has looked.
 */
const accountShare = 0.8;
/** Of one worker's share of the account the reader may use half, and needs four times the longest record and one read (native/tcp/reader.h). */
const readBytes = 256 * KiB;
const accountRecords = 8;

export interface MemoryNeeds {
  readonly workers: number;
  readonly ringBytes: number;
  readonly maxRecordBytes: number;
}

/** Bytes that the process takes whatever arrives. */
function fixedBytes({ workers, ringBytes }: MemoryNeeds): number {
  return processBytes + stdoutBytes + workers * (workerBytes + 2 ** Math.ceil(Math.log2(ringBytes)));
}

/** Bytes that queues and unfinished records of all workers may hold together, so that the whole process keeps to `memoryBudget`. */
export function accountBytes(memoryBudget: number, needs: MemoryNeeds): number {
  return Math.floor((memoryBudget - fixedBytes(needs)) * accountShare);
}

/** The smallest budget that these settings can keep to. */
export function memoryBudgetMin(needs: MemoryNeeds): number {
  const account = accountRecords * needs.workers * (needs.maxRecordBytes + readBytes);
  return Math.ceil((fixedBytes(needs) + account / accountShare) / MiB) * MiB;
}

/** A quarter of the machine's memory, or of the limit that a container or service sets. */
export function memoryBudgetDefault(): number {
  return Math.floor(memoryLimitBytes() / 4 / MiB) * MiB;
}

/** The least of what the machine has and what control groups allow: libuv knows the process's own group, the files the container's. */
function memoryLimitBytes(): number {
  const limits = [
    totalmem(),
    process.constrainedMemory(),
    limitIn("/sys/fs/cgroup/memory.max"),
    limitIn("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
  ];
  // No limit reads as 0, `max`, or (version 1) a number near 2^63.
  return Math.min(...limits.filter((bytes) => bytes > 0));
}

function limitIn(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, "latin1"), 10) || 0;
  } catch {
    return 0;
  }
}
