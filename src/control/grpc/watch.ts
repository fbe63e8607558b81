/**
 * `Watch`: each version when it is published, and the status from time to time, to a bounded number of clients. What waits for one that reads
 * slowly is bounded, too: the newest versions, of which the oldest go first and are counted, and one status, the newest.
 */

import type { StreamGateError } from "../../errors.ts";
import type { Manifest } from "../../manifest/manifest.ts";
import { RequestError } from "../answer.ts";
import { manifestMessage, type StatusContext, statusMessage } from "./calls.ts";
import type { WatchRequest, WatchResponse } from "./messages.ts";

const watchersMax = 32;
/** Versions that wait for one client. A manifest may take a megabyte; clients that read get each one. */
const waitingMax = 4;
const intervalSecondsDefault = 5;
const intervalSecondsMax = 3600;

/** One client's call. */
export interface Watcher {
  /** Resolves when the connection has taken the message, or is gone. */
  send(message: WatchResponse): Promise<void>;
  /** Aborted when the client has gone or its deadline has passed. */
  readonly gone: AbortSignal;
  /** Whether the client may still read. @throws StreamGateError when its token is not valid any more */
  recheck(): void;
}

export class Watchers {
  readonly #context: StatusContext;
  readonly #stopped = new AbortController();
  #count = 0;

  constructor(context: StatusContext) {
    this.#context = context;
  }

  /** Ends every call: the gate stops. */
  stop(): void {
    this.#stopped.abort();
  }

  /**
   * Serves one client until it goes.
   * @throws StreamGateError when there are too many, when the interval is out of range, when the token has ended or the gate stops
   */
  async watch(request: WatchRequest, watcher: Watcher): Promise<void> {
    const { status_interval_seconds: seconds, versions_only } = request;
    if (seconds > intervalSecondsMax)
      throw new RequestError(422, {
        where: "status_interval_seconds",
        what: `${seconds} is more than ${intervalSecondsMax}`,
        fix: `give 1 to ${intervalSecondsMax}, or leave it out`,
      });
    if (this.#count >= watchersMax)
      throw new RequestError(429, {
        where: "Watch",
        what: `${watchersMax} clients watch already`,
        fix: "end one of them, or ask GetManifest and Status now and then",
      });
    this.#count++;
    try {
      await this.#serve((seconds || intervalSecondsDefault) * 1000, versions_only, watcher);
    } finally {
      this.#count--;
    }
  }

  async #serve(intervalMs: number, versionsOnly: boolean, { send, gone, recheck }: Watcher): Promise<void> {
    const { publication } = this.#context;
    const waiting: Manifest[] = [publication.manifest];
    let missed = 0;
    let isStatusDue = !versionsOnly;
    let wake = () => {};
    const unsubscribe = publication.watch((manifest) => {
      if (waiting.push(manifest) > waitingMax) {
        waiting.shift();
        missed++;
      }
      wake();
    });
    let isTokenDue = false;
    const timer = setInterval(() => {
      isStatusDue = !versionsOnly;
      isTokenDue = true;
      wake();
    }, intervalMs);
    const ended = AbortSignal.any([gone, this.#stopped.signal]);
    const onEnd = () => wake();
    ended.addEventListener("abort", onEnd);
    try {
      while (!ended.aborted) {
        if (isTokenDue) {
          isTokenDue = false;
          recheck();
        }
        const manifest = waiting.shift();
        if (manifest !== undefined) {
          const version = { manifest: manifestMessage(manifest), missed };
          missed = 0;
          await send({ version });
        } else if (isStatusDue) {
          isStatusDue = false;
          await send({ status: await statusMessage(this.#context) });
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (ended.aborted) resolve();
          });
        }
      }
    } finally {
      unsubscribe();
      clearInterval(timer);
      ended.removeEventListener("abort", onEnd);
    }
    if (!gone.aborted) throw stopping();
  }
}

export function stopping(): StreamGateError {
  return new RequestError(503, { what: "the gate stops", fix: "call again when it is back" });
}
