/** Waiting for confirmations, from a destination that the test answers for. */

import { describe, expect, it } from "vitest";
import { until } from "../../../test/fixtures/wait.ts";
import { Confirmations } from "./confirmations.ts";

const never = new AbortController().signal;

function rig() {
  const asked: { slot: number; tokens: readonly string[] }[] = [];
  const open = new Set<string>();
  const confirmations = new Confirmations({
    request: (tokens, slot) => {
      asked.push({ slot, tokens });
      return { url: "http://127.0.0.1/", method: "POST", headers: {}, body: { parts: [], bytes: 0 } };
    },
    confirmed: () => new Set(open),
    send: async () => ({ status: 200, headers: {}, body: "" }),
    timeoutMs: 60_000,
    intervalMs: 1,
  });
  return { confirmations, asked, open };
}

describe("confirmations", () => {
  it("belong to the payload that got a token last: one that waits under the same is sent again", async () => {
    const { confirmations, asked, open } = rig();
    const older = confirmations.confirmation("7", 0, never);
    await until("it is asked about", () => asked.length > 0);
    // The destination has started anew, and counts from the beginning.
    const newer = confirmations.confirmation("7", 0, never);
    expect(await older).toBe(false);
    expect(confirmations.waiting).toBe(1);
    open.add("7");
    expect(await newer).toBe(true);
  });

  it("of two slots may have the same token", async () => {
    const { confirmations, open } = rig();
    const both = [confirmations.confirmation("7", 0, never), confirmations.confirmation("7", 1, never)];
    expect(confirmations.waiting).toBe(2);
    open.add("7");
    expect(await Promise.all(both)).toEqual([true, true]);
  });

  it("end when the sender stops", async () => {
    const { confirmations } = rig();
    const stop = new AbortController();
    const waiting = confirmations.confirmation("7", 0, stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
    expect(confirmations.waiting).toBe(0);
  });
});
