/**
 * Takes one claim after the other through requests and verdicts, over one connection: encodes as much as the destination takes at once, sends,
 * and does with each range of records what the answer says. Never throws; ends early only when the sender stops.
 */

import {
  type Body,
  type Output,
  type OutputRequest,
  type OutputResponse,
  type PayloadLimits,
  type RefusalCause,
  type RejectedRange,
  type Verdict,
  wasServed,
} from "../../outputs/output.ts";
import { type Encoder, encodeStop, freeBody } from "../engine/encoder.ts";
import type { Breaker } from "./breaker.ts";
import type { Claim } from "./claim.ts";
import { compressed } from "./compress.ts";
import { failureOf } from "./http.ts";
import type { Pace } from "./pace.ts";
import type { Cut } from "./packer.ts";
import { pause, type RetryLimits, retryDelayMs } from "./retry.ts";
import { type RequestSigner, signed } from "./signing.ts";

/**
 * To find one record among 1,000 takes 2 log2(1,000) = 20 requests, half of them refused. A destination that has refused so many in a row
 * refuses everything, and halving goes on costing a request or two a record: from then on what it refuses is a dead letter as a whole, until
 * it takes something again.
 */
const refusalsInRowMax = 32;

/** Why records are refused for good: for whoever looks at them, and to be counted by (absent: `rejected`). */
export interface Refusal {
  readonly reason: string;
  readonly cause?: RefusalCause;
}

export interface ExchangeSite {
  readonly output: Output;
  readonly encoding: "none" | "gzip" | "zstd";
  readonly retry: RetryLimits & { readonly deadlineMs: number };
  readonly cut: Cut;
  readonly signer: RequestSigner | undefined;
  /** Of signing a request; sending it has its own bound, as long. */
  readonly timeoutMs: number;
  /** Absent: records leave as they lie. */
  readonly encoder: Encoder | undefined;
  readonly breaker: Breaker;
  readonly pace: Pace;
  /** Aborts when the sender stops. */
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly slot: number;
  send(request: OutputRequest): Promise<OutputResponse>;
  /** Whether the configuration that this was made for still holds, and the claim's records have passed the rules that protect now. */
  current(claim: Claim): boolean;
  /** A body of so many bytes of its own is made; negative: it is let go. */
  holds(bytes: number): void;
  /** The next `count` records of the claim are delivered. */
  delivered(claim: Claim, count: number): void;
  /** The next `count` records of the claim are refused for good. */
  dead(claim: Claim, count: number, refusal: Refusal): Promise<void>;
  complain(kind: string, fields: Record<string, number | string>, message: string): void;
}

/** What a claim's work asks of the sender. */
export interface ClaimSite {
  /** Waits for a destination's confirmation, the connection free for others meanwhile. @returns false: send again */
  confirmed(token: string): Promise<boolean>;
}

interface Part {
  /** Index behind its last record. */
  readonly to: number;
  readonly body: Body;
}

export class Exchange {
  readonly #site: ExchangeSite;
  /** Requests that a verdict asked for first did for this claim what they are for. */
  #prepared: Claim | undefined;
  /** Payloads refused as a whole for what may be one record's fault, since one was taken. */
  #refusalsInRow = 0;

  constructor(site: ExchangeSite) {
    this.#site = site;
  }

  close(): void {
    this.#site.encoder?.close();
  }

  /**
   * @returns `settled`: all its records are. Else those from `claim.done` on are not: `stopped`, the sender stops; `outdated`, go on with an
   *   exchange for the configuration that holds now
   */
  async deliver(claim: Claim, claimSite: ClaimSite): Promise<"settled" | "stopped" | "outdated"> {
    if (await this.#range(claim, 0, claim.payload.records, claim.id, claimSite)) return "settled";
    return this.#site.signal.aborted ? "stopped" : "outdated";
  }

  /**
   * Delivers the claim's records up to `to`.
   * @param id names the records from `from` on, all of them; what leaves otherwise is named by where it lies in the claim, so that one name
   *   never stands for different records
   */
  async #range(claim: Claim, from: number, to: number, id: string, claimSite: ClaimSite): Promise<boolean> {
    while (claim.done < to) {
      if (!this.#site.current(claim)) return false;
      const encoded = this.#encode(claim, to);
      if (encoded === undefined) {
        const reason = "one record is larger than the destination takes (too_large)";
        await this.#site.dead(claim, 1, { reason, cause: "too_large" });
        continue;
      }
      const whole = claim.done === from && encoded.to === to;
      const partId = whole ? id : `${claim.id}/${claim.done}-${encoded.to}`;
      const wire = await this.#wireOf(encoded.body);
      const isEncoded = wire === encoded.body && this.#site.encoder !== undefined;
      const ownBytes = isEncoded || wire !== encoded.body ? wire.bytes : 0;
      this.#site.holds(ownBytes);
      try {
        if (!(await this.#part(claim, { to: encoded.to, body: wire }, partId, claimSite))) return false;
      } finally {
        this.#site.holds(-ownBytes);
        // What zlib made may lie in memory that it shares with others; the collector has it.
        if (isEncoded) freeBody(wire.parts[0]!);
      }
    }
    return true;
  }

  /** As many records from `claim.done` on as go into one request; undefined: not even the first. */
  #encode({ payload, done }: Claim, to: number): Part | undefined {
    const { output, cut, encoder } = this.#site;
    const { limits } = output;
    if (encoder === undefined) {
      const end = payload.fitting(done, to, cut);
      const alone = end - done === 1 ? payload.bytesOf(done, end) : 0;
      if (alone > (limits.recordBytesMax ?? Number.POSITIVE_INFINITY)) return undefined;
      return { to: end, body: payload.body(done, end) };
    }
    const { recordsMax, bytesMax } = cut;
    encoder.begin({ recordsMax, bytesMax, recordBytesMax: limits.recordBytesMax ?? bytesMax });
    let at = done;
    const times = new TimesOfBody(limits);
    for (const { shared, from, to: end, timeMs } of payload.ranges(done, to)) {
      if (!times.take(timeMs)) break;
      const stopped = encoder.append(shared.batch, from, end, timeMs);
      at += stopped - from;
      if (stopped === end) continue;
      if (encoder.stoppedBy === encodeStop.recordTooLarge && at === done) return undefined;
      break;
    }
    const bytes = encoder.finish();
    return { to: at, body: { parts: [bytes], bytes: bytes.length } };
  }

  /** A body as it leaves. What it was made from is let go, unless that is the batches themselves. */
  async #wireOf(body: Body): Promise<Body> {
    const { encoding, encoder } = this.#site;
    if (encoding === "none") return body;
    const wire = await compressed(body, encoding);
    if (encoder !== undefined) freeBody(body.parts[0]!);
    return wire;
  }

  /**
   * One request's records, until there is a verdict: all of them are settled then, or those up to one that was refused.
   * @returns false: the sender stops, or its configuration has changed
   */
  async #part(claim: Claim, { to, body }: Part, id: string, claimSite: ClaimSite): Promise<boolean> {
    const site = this.#site;
    const { signal, breaker, retry } = site;
    const count = to - claim.done;
    const begunMs = performance.now();
    for (let attempt = 1; ; attempt++) {
      await breaker.permit(signal);
      if (signal.aborted || !site.current(claim)) {
        breaker.abandoned();
        return false;
      }
      let verdict = await this.#attempt(body, count, id);
      if (verdict.kind !== "retry") breaker.succeeded();
      if (verdict.kind === "acked" || verdict.kind === "partly" || verdict.kind === "confirm") this.#refusalsInRow = 0;
      switch (verdict.kind) {
        case "acked":
          site.delivered(claim, count);
          return true;
        case "partly":
          await this.#settlePartly(claim, to, verdict.rejected);
          return true;
        case "confirm":
          if (await claimSite.confirmed(verdict.token)) {
            site.delivered(claim, count);
            return true;
          }
          if (signal.aborted) return false;
          site.complain("unconfirmed", { records: count }, "did not confirm a payload; it is sent again");
          continue;
        case "split": {
          if (count === 1 || (verdict.oneAtFault && ++this.#refusalsInRow > refusalsInRowMax)) {
            await site.dead(claim, count, verdict);
            return true;
          }
          const from = claim.done;
          const middle = from + Math.floor(count / 2);
          return (
            (await this.#range(claim, from, middle, `${id}/1`, claimSite)) &&
            (await this.#range(claim, middle, to, `${id}/2`, claimSite))
          );
        }
        case "resume": {
          const at = Math.min(Math.max(0, verdict.at), count - 1);
          if (at > 0) site.delivered(claim, at);
          await site.dead(claim, 1, verdict);
          return true;
        }
        case "rejected":
          await site.dead(claim, count, verdict);
          return true;
        case "retry":
          break;
      }
      if (signal.aborted) return false;
      if (verdict.first !== undefined) {
        breaker.abandoned();
        const failed = await this.#prepare(verdict.first, count);
        // The first time the payload follows at once; a destination that goes on to miss what it says is there is given time.
        const again = this.#prepared === claim;
        if (failed === undefined) this.#prepared = claim;
        if (failed === undefined && !again) continue;
        verdict = failed ?? verdict;
      }
      const reason = verdict.reason ?? "no reason given";
      if (retry.deadlineMs > 0 && performance.now() - begunMs > retry.deadlineMs) {
        breaker.abandoned();
        await site.dead(claim, count, { reason: `not taken within the deadline: ${reason}`, cause: "deadline" });
        return true;
      }
      const failures = Math.max(attempt, breaker.failures + 1);
      const delayMs = retryDelayMs(failures, verdict.afterMs, site.random(), retry);
      breaker.failed(delayMs, verdict.afterMs !== undefined);
      if (verdict.alert !== undefined) site.complain("alert", { attempt }, `needs attention: ${verdict.alert}`);
      else {
        const retryInMs = Math.round(delayMs);
        site.complain("retry", { attempt, retryInMs }, `does not take a payload: ${reason}`);
      }
      if (breaker.state === "closed") await pause(delayMs, signal);
    }
  }

  async #attempt(body: Body, records: number, groupId: string): Promise<Verdict & { reason?: string }> {
    const site = this.#site;
    const { output, encoding, pace } = site;
    const number = pace.leaves();
    const leftMs = performance.now();
    try {
      const context = { records, groupId, encoding: encoding === "none" ? undefined : encoding, slot: site.slot };
      const request = output.request!(body, context);
      const response = await site.send(await signed(request, site.signer, site));
      const verdict = output.verdict!(response, records);
      if (verdict.kind === "retry") {
        pace.failed(number);
        return { reason: `HTTP ${response.status}`, ...verdict };
      }
      pace.succeeded(number, performance.now() - leftMs);
      return verdict;
    } catch (error) {
      pace.failed(number);
      return { kind: "retry", reason: failureOf(error) };
    }
  }

  /** Requests that must be made before the payload can be taken. @returns why one of them did not do what it is for */
  async #prepare(
    requests: readonly OutputRequest[],
    records: number,
  ): Promise<Extract<Verdict, { kind: "retry" }> | undefined> {
    for (const request of requests) {
      try {
        const response = await this.#site.send(await signed(request, this.#site.signer, this.#site));
        if (wasServed(request, response)) continue;
        const verdict = this.#site.output.verdict!(response, records);
        // Refused for good is the request that was to help, not the payload.
        if (verdict.kind === "retry") return { ...verdict, reason: verdict.reason ?? `HTTP ${response.status}` };
        const reason = "reason" in verdict ? verdict.reason : `HTTP ${response.status}`;
        return { kind: "retry", reason, alert: `what it needs cannot be made ready: ${reason}` };
      } catch (error) {
        return { kind: "retry", reason: failureOf(error) };
      }
    }
    return undefined;
  }

  async #settlePartly(claim: Claim, to: number, rejected: readonly RejectedRange[]): Promise<void> {
    const base = claim.done;
    for (const range of rejected.toSorted((a, b) => a.from - b.from)) {
      const from = Math.max(claim.done, base + range.from);
      const end = Math.min(to, base + range.to);
      if (from >= end) continue;
      if (from > claim.done) this.#site.delivered(claim, from - claim.done);
      await this.#site.dead(claim, end - from, range);
    }
    if (claim.done < to) this.#site.delivered(claim, to - claim.done);
  }
}

/** Times of the ranges in one body, within what the destination wants of them. */
class TimesOfBody {
  readonly #limits: PayloadLimits;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  constructor(limits: PayloadLimits) {
    this.#limits = limits;
  }

  /** @returns false: a range of this time begins another body; never for the first one */
  take(timeMs: number): boolean {
    const { chronological, spanMsMax = Number.POSITIVE_INFINITY } = this.#limits;
    if (chronological === true && timeMs < this.#last) return false;
    const min = Math.min(this.#min, timeMs);
    const max = Math.max(this.#max, timeMs);
    if (max - min > spanMsMax) return false;
    this.#min = min;
    this.#max = max;
    this.#last = timeMs;
    return true;
  }
}
