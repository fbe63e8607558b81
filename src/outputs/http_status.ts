/**
 * What an answer's status means where a destination gives it no meaning of its own (RFC 9110 section 15).
 *
 * The question is whether other records would have fared better. If not, the records are kept and a person is told: a token, a URL or a
 * permission can be mended, a lost record cannot.
 */

import type { OutputResponse, Verdict } from "./output.ts";
import { retryAfterMs } from "./retry_after.ts";

/** Passes by itself: timeout, too early, too many requests; and all of 5xx. */
const passing = [408, 425, 429];

/** Says nothing of the records; a person has to mend what it says. */
const mendable: Readonly<Record<number, string>> = {
  401: "it wants other credentials",
  402: "it wants to be paid",
  403: "the credentials are not allowed to do this",
  404: "there is nothing at this URL",
  405: "this URL does not take the method",
  407: "a proxy wants credentials",
  410: "there is nothing at this URL any more",
  415: "it does not take this content type or compression",
  421: "another server is asked for",
  426: "it wants another protocol",
};

export function verdictOfStatus({ status, headers }: OutputResponse): Verdict {
  const reason = `HTTP ${status}`;
  if (status >= 200 && status < 300) return { kind: "acked" };
  if (status >= 500 || passing.includes(status)) return { kind: "retry", reason, ...waiting(headers) };
  if (status === 413) return { kind: "split", reason, cause: "too_large" };
  // A redirect is never followed: what goes along with the request is for the URL that was configured and for no other.
  const alert =
    status < 400 ? "it redirects, and redirects are not followed: give the URL that it leads to" : mendable[status];
  if (alert !== undefined) return { kind: "retry", reason, alert: `${reason}: ${alert}`, ...waiting(headers) };
  return { kind: "rejected", reason, cause: `http_${status}` };
}

/** `afterMs` as the answer asks for it. */
export function waiting(headers: OutputResponse["headers"]): { afterMs?: number } {
  const afterMs = retryAfterMs(headers["retry-after"], Date.now());
  return afterMs === undefined ? {} : { afterMs };
}
