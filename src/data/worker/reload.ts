/**
 * A reload in two phases (promise P4): every worker makes plan and outputs ready; if one refuses, all discard and nothing
 * changed; then each swaps between two blocks.
 */

import { StreamGateError } from "../../errors.ts";
import type { OutputConfig } from "../../manifest/manifest.ts";
import type { Plan } from "../../plan/operations.ts";
import type { StreamTarget } from "../delivery/stream/stream_writer.ts";
import { createLedgerMemory } from "../ledger/layout.ts";
import { type LedgerMeaning, shapeOf } from "../ledger/snapshot.ts";
import { WorkerDied, type WorkerThread } from "./worker_thread.ts";

/** A manifest as workers run it. */
export interface Program {
  readonly version: string;
  readonly plan: Plan;
  readonly outputs: readonly OutputConfig[];
  readonly batchSize: number;
  readonly meaning: LedgerMeaning;
  /** The writers of file outputs, by the output's id. */
  readonly files: Readonly<Record<string, StreamTarget>>;
}

/** A worker and the ledger in which it books a program. */
export interface Swapped {
  readonly worker: WorkerThread;
  readonly ledger: SharedArrayBuffer;
}

/**
 * @param swapped called for each worker when it runs the program
 * @throws StreamGateError SG_PUBLISH_REFUSED with the first refusal's reason: then no worker has changed
 */
export async function reload(
  workers: readonly WorkerThread[],
  program: Program,
  swapped: (one: Swapped) => void,
): Promise<void> {
  const { plan, outputs, batchSize, meaning, files } = program;
  const ledgers = workers.map(() => createLedgerMemory(shapeOf(meaning)));
  const answers = await Promise.allSettled(
    workers.map((worker, index) =>
      worker.ask<"prepare">({ kind: "prepare", plan, outputs, batchSize, ledger: ledgers[index]!, files }),
    ),
  );
  const refusal = answers.find((answer) => answer.status === "rejected" && !(answer.reason instanceof WorkerDied));
  if (refusal !== undefined) {
    await Promise.allSettled(workers.map((worker) => worker.ask<"discard">({ kind: "discard" })));
    throw refused((refusal as PromiseRejectedResult).reason);
  }
  await Promise.all(
    workers.map(async (worker, index) => {
      if (answers[index]!.status === "rejected") return;
      try {
        await worker.ask<"commit">({ kind: "commit" });
        swapped({ worker, ledger: ledgers[index]! });
      } catch (error) {
        // A worker that died is replaced, and its replacement runs the new program from its first record.
        if (!(error instanceof WorkerDied)) throw error;
      }
    }),
  );
}

function refused(reason: unknown): StreamGateError {
  const error = reason as Error;
  const cause = error instanceof StreamGateError ? error : undefined;
  return new StreamGateError(
    "SG_PUBLISH_REFUSED",
    {
      ...(cause?.where !== undefined && { where: cause.where }),
      what: cause?.what ?? error.message,
      fix: cause?.fix ?? "the manifest that ran before goes on",
    },
    { cause: error },
  );
}
