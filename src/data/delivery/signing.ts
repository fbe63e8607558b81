/**
 * Adds what authorizes a request just before it leaves. Bounded: credentials may have to be fetched from a service that never answers, and
 * neither a payload nor a stop waits for that.
 */

import { StreamGateError } from "../../errors.ts";
import type { OutputRequest } from "../../outputs/output.ts";

export interface RequestSigner {
  /**
   * @param signal aborts when nobody waits any more: what was begun is not worth waiting for the next time either
   * @returns headers to send with the request, beside its own
   */
  sign(request: OutputRequest, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
}

export interface SigningBounds {
  readonly timeoutMs: number;
  /** Aborts when the sender stops. */
  readonly signal: AbortSignal;
}

/** @throws StreamGateError SG_OUTPUT_SECRET when it took too long, AbortError when `signal` aborts, whatever the signer throws */
export async function signed(
  request: OutputRequest,
  signer: RequestSigner | undefined,
  { timeoutMs, signal }: SigningBounds,
): Promise<OutputRequest> {
  if (signer === undefined) return request;
  signal.throwIfAborted();
  const giveUp = new AbortController();
  const stop = () => giveUp.abort(new DOMException("the request was aborted", "AbortError"));
  const timer = setTimeout(() => giveUp.abort(tooSlow(timeoutMs)), timeoutMs);
  signal.addEventListener("abort", stop);
  try {
    const givenUp = new Promise<never>((_resolve, reject) => {
      giveUp.signal.addEventListener("abort", () => reject(giveUp.signal.reason));
    });
    const headers = await Promise.race([signer.sign(request, giveUp.signal), givenUp]);
    return { ...request, headers: { ...request.headers, ...headers } };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function tooSlow(timeoutMs: number): StreamGateError {
  return new StreamGateError("SG_OUTPUT_SECRET", {
    where: "credentials of an output",
    what: `they did not come within ${timeoutMs} ms`,
    fix: "see whether what hands them out (metadata of the instance or container, SSO, a program) answers, or write them into the output",
  });
}
