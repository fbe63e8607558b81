/**
 * Payloads that a destination has taken and not confirmed yet (Splunk's indexer acknowledgement): asks about all of them in one request, at
 * intervals, until each is confirmed or has waited too long.
 */

import type { OutputRequest, OutputResponse } from "../../outputs/output.ts";

interface Waiting {
  readonly token: string;
  readonly slot: number;
  readonly until: number;
  done(confirmed: boolean): void;
}

export interface ConfirmationsSite {
  request(tokens: readonly string[], slot: number): OutputRequest;
  confirmed(response: OutputResponse): ReadonlySet<string>;
  send(request: OutputRequest): Promise<OutputResponse>;
  readonly timeoutMs: number;
  readonly intervalMs: number;
}

export class Confirmations {
  readonly #site: ConfirmationsSite;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;

  constructor(site: ConfirmationsSite) {
    this.#site = site;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves with whether the destination confirmed it; false when that took too long, when `signal` aborts, or when the destination gives
   * the same token to another payload: it has forgotten the first one (Splunk counts its ackIds anew after a restart), and a confirmation
   * would be the other one's.
   */
  confirmation(token: string, slot: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        token,
        slot,
        until: performance.now() + this.#site.timeoutMs,
        done: (confirmed) => {
          this.#waiting.delete(waiting);
          signal.removeEventListener("abort", abort);
          resolve(confirmed);
        },
      };
      const abort = () => waiting.done(false);
      if (signal.aborted) return resolve(false);
      for (const one of [...this.#waiting]) if (one.token === token && one.slot === slot) one.done(false);
      signal.addEventListener("abort", abort);
      this.#waiting.add(waiting);
      this.#timer ??= setTimeout(() => void this.#ask(), this.#site.intervalMs);
    });
  }

  async #ask(): Promise<void> {
    for (const [slot, waiting] of Map.groupBy(this.#waiting, ({ slot }) => slot)) {
      try {
        const request = this.#site.request(
          waiting.map(({ token }) => token),
          slot,
        );
        const confirmed = this.#site.confirmed(await this.#site.send(request));
        for (const one of waiting) if (confirmed.has(one.token)) one.done(true);
      } catch {
        // Asked again at the next interval; what waits too long is sent again.
      }
    }
    for (const one of [...this.#waiting]) if (performance.now() >= one.until) one.done(false);
    this.#timer = this.#waiting.size === 0 ? undefined : setTimeout(() => void this.#ask(), this.#site.intervalMs);
  }
}
