/** Who is read on when unfinished records fill their share, and what the log says. The native reader's twin: native/test/tcp_test.cc. */

import { describe, expect, it } from "vitest";
import { forwardLog } from "../../telemetry/log.ts";
import { HeldBackWatch, type Unfinished, UnfinishedRecords } from "./unfinished.ts";

const MiB = 1024 * 1024;

class Peer implements Unfinished {
  unfinishedBytes = 0;
  heldBack = false;
  letOns = 0;
  letOn(): void {
    this.letOns++;
  }
}

function rig(peers: number, bytesMax = 8 * MiB) {
  const clock = { nowMs: 0, squeezed: false };
  const records = new UnfinishedRecords({
    bytesMax,
    maxRecordBytes: MiB,
    squeezed: () => clock.squeezed,
    nowMs: () => clock.nowMs,
  });
  const all = Array.from({ length: peers }, () => new Peer());
  for (const _ of all) records.opened();
  return { records, clock, all };
}

describe("unfinished records", () => {
  it("grow freely up to half of the bound, then those in the middle wait and one goes on, the furthest", () => {
    const { records, all } = rig(20);
    for (const [index, peer] of all.entries()) records.ran(peer, 300_000 + index);
    const waiting = all.filter(({ heldBack }) => heldBack);
    expect(waiting.length).toBeGreaterThan(0);
    expect(records.bytes).toBeGreaterThan(4 * MiB);
    // Whoever was held back first went on at once; later ones came further, and have to wait for their turn.
    expect(all.filter(({ letOns }) => letOns > 0).length).toBe(1);
  });

  it("are read on while short, nearly at the longest record, or past it", () => {
    const { records, clock, all } = rig(4);
    clock.squeezed = true;
    expect(records.ran(all[0]!, 60_000)).toBe(true);
    expect(records.ran(all[1]!, MiB - 1000)).toBe(true);
    expect(records.ran(all[2]!, MiB)).toBe(true);
    // The one in the middle is held back and let on in one step: it is the only one that waits.
    records.ran(all[3]!, 500_000);
    expect(all[3]!.letOns).toBe(1);
  });

  it("have their turn when the one before ends, and all of them when there is room", () => {
    const { records, clock, all } = rig(3);
    clock.squeezed = true;
    const [a, b, c] = all as [Peer, Peer, Peer];
    records.ran(a, 300_000);
    records.ran(b, 400_000);
    records.ran(c, 500_000);
    expect([a.letOns, b.letOns, c.letOns]).toEqual([1, 0, 0]);
    records.ran(a, 0);
    expect([a.letOns, b.letOns, c.letOns]).toEqual([1, 0, 1]);
    clock.squeezed = false;
    records.look();
    expect([a.letOns, b.letOns, c.letOns]).toEqual([1, 1, 1]);
    expect(records.heldBack).toBe(0);
  });

  it("have their turn after a second when the one before does not end, as long as the bound allows", () => {
    const { records, clock, all } = rig(30, 8 * MiB);
    for (const peer of all) records.ran(peer, 200_000);
    const turns = () => all.reduce((sum, { letOns }) => sum + letOns, 0);
    const before = turns();
    records.look();
    expect(turns()).toBe(before);
    for (let second = 0; second < 100; second++) {
      clock.nowMs += 1000;
      records.look();
      // Whoever goes on comes to its longest and stays there.
      for (const peer of all) if (peer.letOns > 0 && !peer.heldBack) records.ran(peer, MiB);
    }
    expect(turns()).toBeGreaterThan(before);
    expect(records.bytes).toBeLessThanOrEqual(8 * MiB);
    expect(records.heldBack).toBeGreaterThan(0);
  });

  it("are forgotten with their connection, which makes room", () => {
    const { records, clock, all } = rig(2);
    clock.squeezed = true;
    records.ran(all[0]!, 500_000);
    records.ran(all[1]!, 400_000);
    expect(all[1]!.heldBack).toBe(true);
    records.closed(all[0]!);
    expect([records.bytes, all[1]!.letOns]).toEqual([400_000, 1]);
  });
});

describe("what the log says of connections that are held back", () => {
  it("is said once when it begins and once when it ends", () => {
    const said: string[] = [];
    const watch = new HeldBackWatch(
      forwardLog((level, _fields, message) => said.push(`${level}: ${message}`)),
      () => {},
    );
    for (const heldBack of [0, 3, 5, 2, 0, 0, 1, 0]) watch.saw(heldBack, 1000);
    watch.close();
    expect(said).toEqual([
      expect.stringMatching(/^warn: connections are held back.*MEMORY_BUDGET/),
      expect.stringMatching(/^info: no connection is held back/),
    ]);
  });
});
