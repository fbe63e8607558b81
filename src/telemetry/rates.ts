/** What comes and goes in a second now: of the last five to ten seconds, all of it, each rule and each output. For people; graphs have the counters. */

import type { Amount, Snapshot } from "../data/ledger/snapshot.ts";

const lookMs = 5000;

interface Totals {
  readonly atMs: number;
  readonly amounts: ReadonlyMap<string, Amount>;
}

export interface Rate {
  readonly records_per_s: number;
  readonly bytes_per_s: number;
}

export interface RatesNow {
  /** Seconds that they are of. */
  readonly seconds: number;
  readonly received: Rate;
  readonly passed: Rate;
  /** What each rule drops. Rules that drop nothing now are left out, and so are outputs to which nothing goes. */
  readonly dropped: Readonly<Record<string, Rate>>;
  readonly delivered: Readonly<Record<string, Rate>>;
}

export class Rates {
  readonly #snapshot: () => Snapshot;
  readonly #nowMs: () => number;
  readonly #timer: NodeJS.Timeout;
  #before: Totals;
  #last: Totals;

  constructor(snapshot: () => Snapshot, nowMs: () => number = () => performance.now()) {
    this.#snapshot = snapshot;
    this.#nowMs = nowMs;
    this.#before = this.#last = totalsOf(snapshot(), nowMs());
    this.#timer = setInterval(() => this.look(), lookMs).unref();
  }

  /** Every five seconds. */
  look(): void {
    this.#before = this.#last;
    this.#last = totalsOf(this.#snapshot(), this.#nowMs());
  }

  get now(): RatesNow {
    const totals = totalsOf(this.#snapshot(), this.#nowMs());
    // The one before: the last look may have been a moment ago.
    const { atMs, amounts } = this.#before;
    const seconds = Math.max(0.001, (totals.atMs - atMs) / 1000);
    const rate = (key: string): Rate => {
      const { records = 0, bytes = 0 } = amounts.get(key) ?? {};
      const now = totals.amounts.get(key) ?? { records: 0, bytes: 0 };
      const perSecond = (amount: number) => Math.max(0, Math.round((10 * amount) / seconds) / 10);
      return { records_per_s: perSecond(now.records - records), bytes_per_s: perSecond(now.bytes - bytes) };
    };
    const each = (prefix: string) =>
      Object.fromEntries(
        [...totals.amounts.keys()]
          .filter((key) => key.startsWith(prefix))
          .map((key) => [key.slice(prefix.length), rate(key)] as const)
          .filter(([, { records_per_s }]) => records_per_s > 0),
      );
    return {
      seconds: Math.round(10 * seconds) / 10,
      received: rate("received"),
      passed: rate("passed"),
      dropped: each("dropped "),
      delivered: each("delivered "),
    };
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function totalsOf({ received, passed, rules, outputs }: Snapshot, atMs: number): Totals {
  return {
    atMs,
    amounts: new Map<string, Amount>([
      ["received", received],
      ["passed", passed],
      ...[...rules].map(([id, { dropped }]) => [`dropped ${id}`, dropped] as const),
      ...[...outputs].map(([id, { delivered }]) => [`delivered ${id}`, delivered] as const),
    ]),
  };
}
