/**
 * Keeps one worker a ring: one that dies is replaced, after a pause that grows while it keeps dying. Its ring, with what is unread
 * in it, goes to the replacement; a block that was half run when it died is run again whole, since doubled is better than lost.
 */

import { StreamGateError } from "../../errors.ts";
import type { Log } from "../../telemetry/log.ts";
import type { WorkerStart } from "./messages.ts";
import { WorkerThread } from "./worker_thread.ts";

const restartMsMin = 100;
const restartMsMax = 10_000;
/** A worker that lived this long starts again with the shortest pause. */
const healthyMs = 60_000;

export interface SupervisorSite {
  /** At once: the account of what it did. */
  died(worker: WorkerThread): void;
  /** The replacement takes requests: give it its work. Never rejects. */
  replace(worker: WorkerThread): Promise<void>;
}

interface Post {
  readonly start: WorkerStart;
  worker: WorkerThread | undefined;
  startedAtMs: number;
  deaths: number;
}

export class Supervisor {
  readonly #posts: readonly Post[];
  readonly #log: Log;
  readonly #site: SupervisorSite;
  #stopped = false;
  /** How often a worker died. */
  deaths = 0;

  constructor(starts: readonly WorkerStart[], log: Log, site: SupervisorSite) {
    this.#posts = starts.map((start) => ({ start, worker: undefined, startedAtMs: 0, deaths: 0 }));
    this.#log = log;
    this.#site = site;
  }

  /** Workers that take requests. */
  get living(): readonly WorkerThread[] {
    return this.#posts.flatMap(({ worker }) => (worker?.alive === true ? [worker] : []));
  }

  /** @throws StreamGateError SG_WORKER when one does not start */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#posts.map((post) => this.#man(post).ready));
    } catch (error) {
      this.#stopped = true;
      throw new StreamGateError(
        "SG_WORKER",
        {
          where: "worker",
          what: `does not start: ${(error as Error).message}`,
          fix: "see the log above; STREAMGATE_ENGINE=portable rules the addon out",
        },
        { cause: error },
      );
    }
  }

  /** No more replacements. */
  stop(): void {
    this.#stopped = true;
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#posts.map(({ worker }) => worker?.close()));
  }

  #man(post: Post): WorkerThread {
    const worker = new WorkerThread(post.start, this.#log, (cause) => this.#died(post, cause));
    post.worker = worker;
    post.startedAtMs = Date.now();
    return worker;
  }

  #died(post: Post, cause: Error): void {
    const { worker } = post;
    post.worker = undefined;
    if (worker === undefined) return;
    this.deaths++;
    this.#site.died(worker);
    if (this.#stopped) return;
    post.deaths = Date.now() - post.startedAtMs > healthyMs ? 1 : post.deaths + 1;
    const delayMs = Math.min(restartMsMax, restartMsMin * 2 ** (post.deaths - 1));
    this.#log.error({ worker: worker.index, restartInMs: delayMs }, `a worker died and is replaced: ${cause.message}`);
    setTimeout(() => {
      if (this.#stopped) return;
      const replacement = this.#man(post);
      replacement.ready.then(
        () => this.#site.replace(replacement),
        () => {},
      );
    }, delayMs);
  }
}
