/**
 * How often one source may show a wrong token: ten at once, then one every three seconds.
 *
 * A source is an IPv4 address, or the 64 bits that name an IPv6 network: one machine has all the addresses below it. What is remembered is
 * bounded; the source that failed longest ago is forgotten first, so that whoever sends from thousands of addresses gains ten tries for
 * each, and no memory.
 */

import { isIPv6 } from "node:net";

const burst = 10;
const refillMs = 3_000;
const sourcesMax = 10_000;

export class Failures {
  /** When the source's tries will all be there again, milliseconds since 1970; the oldest failure first. */
  readonly #fullAtMs = new Map<string, number>();

  /** @returns milliseconds until this source may try again; 0: now */
  waitMs(address: string, nowMs: number): number {
    const fullAtMs = this.#fullAtMs.get(sourceOf(address)) ?? 0;
    return Math.max(0, fullAtMs - nowMs - (burst - 1) * refillMs);
  }

  note(address: string, nowMs: number): void {
    const source = sourceOf(address);
    const before = this.#fullAtMs.get(source) ?? 0;
    this.#fullAtMs.delete(source);
    this.#fullAtMs.set(source, Math.max(before, nowMs) + refillMs);
    if (this.#fullAtMs.size > sourcesMax) this.#fullAtMs.delete(this.#fullAtMs.keys().next().value!);
  }

  /** Sources that are remembered. */
  get size(): number {
    return this.#fullAtMs.size;
  }
}

/** 127.0.0.1 of ::ffff:127.0.0.1; the first four groups of any other IPv6 address. */
export function sourceOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups =
    tail === undefined
      ? before
      : [...before, ...Array(Math.max(0, 8 - before.length - after.length)).fill("0"), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
