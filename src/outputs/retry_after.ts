/** `Retry-After`, RFC 9110 section 10.2.3: seconds, or an HTTP date. */

/** A destination that asks for more is asked again all the same: its clock or ours may be wrong. */
const retryAfterMsMax = 3_600_000;

/**
 * @param header the header's value, absent when the answer had none
 * @param nowMs the time against which a date is taken
 * @returns milliseconds from now, 0 to an hour; undefined when the header is absent or not readable
 */
export function retryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const text = (typeof header === "string" ? header : header?.[0])?.trim();
  if (text === undefined || text === "") return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), retryAfterMsMax);
}
