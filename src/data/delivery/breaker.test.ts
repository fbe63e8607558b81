/** A breaker with a clock that the test moves. */

import { describe, expect, it } from "vitest";
import { Breaker, failuresMax } from "./breaker.ts";

const never = new AbortController().signal;

/** Whether a promise has settled by the next turns. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return done;
}

function opened(delayMs = 1000) {
  const clock = { ms: 0 };
  const breaker = new Breaker(() => clock.ms);
  for (let failure = 0; failure < failuresMax; failure++) breaker.failed(delayMs);
  return { breaker, clock };
}

describe("a breaker", () => {
  it("stays closed over a few failures, and a success forgets them", async () => {
    const breaker = new Breaker(() => 0);
    for (let failure = 1; failure < failuresMax; failure++) breaker.failed(1000);
    expect(breaker.state).toBe("closed");
    breaker.succeeded();
    breaker.failed(1000);
    expect([breaker.state, breaker.failures]).toEqual(["closed", 1]);
    expect(await settled(breaker.permit(never))).toBe(true);
  });

  it("opens after five failures in a row and lets nobody ask until the pause is over", async () => {
    const { breaker } = opened();
    expect(breaker.state).toBe("open");
    expect(await settled(breaker.permit(never))).toBe(false);
    breaker.succeeded();
  });

  it("opens at once where the destination says when to come back", () => {
    const breaker = new Breaker(() => 0);
    breaker.failed(60_000, true);
    expect(breaker.state).toBe("open");
  });

  it("forgets with a success how long the destination had asked for", () => {
    const clock = { ms: 0 };
    const breaker = new Breaker(() => clock.ms);
    breaker.failed(3_600_000, true);
    breaker.succeeded();
    for (let failure = 0; failure < failuresMax; failure++) breaker.failed(1000);
    expect(breaker.state).toBe("open");
    clock.ms = 1001;
    expect(breaker.state).toBe("half_open");
  });

  it("lets one request through after the pause, and all after its success", async () => {
    const { breaker, clock } = opened();
    clock.ms = 1001;
    expect(breaker.state).toBe("half_open");
    expect(await settled(breaker.permit(never))).toBe(true);
    const others = [breaker.permit(never), breaker.permit(never)];
    expect(await settled(others[0]!)).toBe(false);
    breaker.succeeded();
    await Promise.all(others);
    expect(breaker.state).toBe("closed");
  });

  it("opens again when that request fails", async () => {
    const { breaker, clock } = opened();
    clock.ms = 1001;
    await breaker.permit(never);
    breaker.failed(5000);
    expect(breaker.state).toBe("open");
    clock.ms = 6002;
    expect(await settled(breaker.permit(never))).toBe(true);
    breaker.succeeded();
  });

  it("hands the trial on when it was abandoned", async () => {
    const { breaker, clock } = opened();
    clock.ms = 1001;
    await breaker.permit(never);
    const next = breaker.permit(never);
    breaker.abandoned();
    await next;
    breaker.succeeded();
  });

  it("lets go of who waits when the program stops", async () => {
    const { breaker } = opened(3_600_000);
    const stop = new AbortController();
    const waiting = breaker.permit(stop.signal);
    stop.abort();
    await waiting;
  });
});
