/** A worker as the main thread holds it: requests with answers, its death as an event. */

import { Worker } from "node:worker_threads";
import { StreamGateError } from "../../errors.ts";
import { type Log, writeLog } from "../../telemetry/log.ts";
import type { Answers, Failure, FromWorker, Numbered, Request, WorkerStart } from "./messages.ts";

/** Source and built code lie alike; only the file's ending differs. */
const entry = new URL(import.meta.url.endsWith(".ts") ? "./worker_main.ts" : "./worker_main.js", import.meta.url);

interface Pending {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export class WorkerDied extends Error {}

/**
 * A thread takes over Node's options of its process. Of a program that was given as text one says how that is read, and Node refuses it for a file;
 * the others cannot be handed on one by one, since some are the process's alone.
 */
const threadOptions = process.execArgv.some((option) => option.startsWith("--input-type")) ? { execArgv: [] } : {};

export class WorkerThread {
  readonly index: number;
  /** Resolves when the worker takes requests; rejects when it dies before. */
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #number = 0;
  #alive = true;
  #cause: Error | undefined;

  /** @param died called once, unless `close` was called before */
  constructor(start: WorkerStart, log: Log, died: (cause: Error) => void) {
    this.index = start.index;
    const name = `worker ${start.index}`;
    this.#worker = new Worker(entry, { workerData: start, name, stdout: false, ...threadOptions });
    const write = writeLog(log);
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on("message", (message: FromWorker) => {
        switch (message.kind) {
          case "ready":
            return resolve();
          case "answer":
            return this.#settle(message.number, (pending) => pending.resolve(message.answer));
          case "failure":
            return this.#settle(message.number, (pending) => pending.reject(errorOf(message.failure)));
          case "log":
            return write(message.level, message.fields, message.message);
        }
      });
      this.#worker.on("error", (error) => {
        this.#cause = error as Error;
      });
      this.#worker.on("exit", (code) => {
        const wasAlive = this.#alive;
        this.#alive = false;
        const cause = this.#cause ?? new Error(`exit ${code}`);
        reject(cause);
        for (const pending of this.#pending.values()) pending.reject(new WorkerDied(cause.message));
        this.#pending.clear();
        if (wasAlive) died(cause);
      });
    });
    // Whoever awaits `ready` hears of it; nobody else must.
    this.ready.catch(() => {});
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** @throws what the worker threw, or WorkerDied */
  ask<K extends Request["kind"]>(request: Extract<Request, { kind: K }>): Promise<Answers[K]> {
    if (!this.#alive) return Promise.reject(new WorkerDied("the worker has ended"));
    const number = this.#number++;
    return new Promise((resolve, reject) => {
      this.#pending.set(number, { resolve: resolve as (answer: unknown) => void, reject });
      this.#worker.postMessage({ number, request } satisfies Numbered);
    });
  }

  /** Ends the thread as a crash would: its death is an event. */
  async crash(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Ends the thread; its death is no event then. */
  async close(): Promise<void> {
    this.#alive = false;
    await this.#worker.terminate();
  }

  #settle(number: number, how: (pending: Pending) => void): void {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    if (pending !== undefined) how(pending);
  }
}

function errorOf({ code, where, what, fix }: Failure): Error {
  if (code === undefined) return new Error(what);
  return new StreamGateError(code, {
    what,
    ...(where !== undefined && { where }),
    ...(fix !== undefined && { fix }),
  });
}
