/** What is counted of sources, over two workers; the native reader counts in the same memory (test/e2e/listener_limits.test.ts). */
import { describe, expect, it } from "vitest";
import { burstMs, createSources, Sources, wipeWorker } from "./sources.ts";

const none = { connections: 0, connectionsPerSource: 0, bytesPerSecond: 0 };

function twoWorkers(limits: Partial<typeof none>) {
  const memory = createSources({ ...none, ...limits }, 2);
  const clock = { ms: 1_000_000 };
  const [first, second] = [0, 1].map((worker) => new Sources(memory, worker, () => clock.ms)) as [Sources, Sources];
  return { memory, clock, first, second };
}

describe("connections of sources", () => {
  it("are bounded in all, over all workers", () => {
    const { first, second } = twoWorkers({ connections: 3 });
    const places = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map((address) => first.placeOf(address));
    expect(first.admit(places[0]!)).toBeUndefined();
    expect(second.admit(places[1]!)).toBeUndefined();
    expect(first.admit(places[2]!)).toBeUndefined();
    expect(second.admit(places[3]!)).toBe("connections");
    first.closed(places[0]!);
    expect(second.admit(places[3]!)).toBeUndefined();
    expect(first.connections).toBe(3);
  });

  it("are bounded for one source, over all workers, and free again when they close", () => {
    const { first, second } = twoWorkers({ connectionsPerSource: 2 });
    const [place, other] = [first.placeOf("192.0.2.1"), first.placeOf("192.0.2.2")];
    expect(second.placeOf("::ffff:192.0.2.1")).toEqual(place);
    expect([first.admit(place), second.admit(place), first.admit(place), second.admit(place)]).toEqual([
      ...[undefined, undefined],
      ...["source", "source"],
    ]);
    expect(first.admit(other)).toBeUndefined();
    second.closed(place);
    expect(first.admit(place)).toBeUndefined();
  });

  it("count an IPv6 network of 64 bits as one source, and no two of them", () => {
    const { first } = twoWorkers({ connectionsPerSource: 1 });
    const place = (address: string) => first.placeOf(address);
    expect(place("2001:db8:1:2::1")).toEqual(place("2001:db8:1:2:ffff::9"));
    expect(place("2001:db8:1:2::1")).not.toEqual(place("2001:db8:1:3::1"));
    expect(place("::1")).not.toEqual(place("0.0.0.0"));
  });

  it("of a worker that died are forgotten, and no others", () => {
    const { memory, first, second } = twoWorkers({ connections: 10, connectionsPerSource: 2 });
    const place = first.placeOf("192.0.2.1");
    first.admit(place);
    second.admit(place);
    wipeWorker(memory, 0);
    expect([second.connections, second.connectionsOf(place)]).toEqual([1, 1]);
    expect(second.admit(place)).toBeUndefined();
  });

  it("of ten thousand sources are told apart well enough", () => {
    const { first } = twoWorkers({ connectionsPerSource: 5 });
    let refused = 0;
    for (let source = 0; source < 10_000; source++)
      for (let connection = 0; connection < 2; connection++)
        if (first.admit(first.placeOf(`10.1.${source >> 8}.${source & 255}`)) !== undefined) refused++;
    // Both slots must hold three others' connections: it happens to a few in ten thousand, depending on the seed.
    expect(refused).toBeLessThan(400);
  });
});

describe("bytes of sources", () => {
  it("may come at once for a second, then at the rate, over all workers", () => {
    const { clock, first, second } = twoWorkers({ bytesPerSecond: 1000 });
    const place = first.placeOf("192.0.2.1");
    expect(first.took(place, 600)).toBe(0);
    expect(second.took(place, 400)).toBe(0);
    expect(first.took(place, 500)).toBe(500);
    clock.ms += 500;
    expect(second.took(place, 100)).toBe(100);
    expect(first.took(first.placeOf("192.0.2.2"), 1000)).toBe(0);
    clock.ms += 100 + burstMs;
    expect(first.took(place, 1000)).toBe(0);
  });

  it("are not counted without a rate", () => {
    const { first } = twoWorkers({ connectionsPerSource: 1 });
    expect(first.took(first.placeOf("192.0.2.1"), 2 ** 40)).toBe(0);
  });
});
