/** What an output holds, and what becomes of it when there is no room: with a lane in memory whose disk refuses when the test says so. */

import { describe, expect, it } from "vitest";
import { batchOf } from "../../../test/fixtures/batch.ts";
import { MemoryLane } from "../../../test/fixtures/memory_lane.ts";
import { MemoryQuarantine } from "../../../test/fixtures/quarantine.ts";
import { until } from "../../../test/fixtures/wait.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { Backlog, type WhenFull } from "./backlog.ts";
import { protectionOf } from "./protection.ts";
import { Replay } from "./spool/replay.ts";
import { LaneReader, SpoolQueue } from "./spool/spool_queue.ts";

/** 20 records of one byte fill it: each is charged with 64 bytes more. */
const queueBytes = 1300;

function rig(
  whenFull: WhenFull,
  { durable = false, spooled = true, recordsMax = 5, overBudget = (): boolean => false, groupBytes = 1_000_000 } = {},
) {
  const [lane, ahead] = [new MemoryLane(), new MemoryLane()];
  const lost: Record<string, number> = {};
  let removed = false;
  const replay = new Replay(portableKind(), protectionOf({ rules: [], operations: [] }), new MemoryQuarantine());
  const site = {
    outputId: "out",
    replay,
    openAhead: async () => ({
      lane: ahead,
      remove: async () => {
        removed = true;
      },
    }),
    groupBytesMax: () => groupBytes,
    tooLarge: ({ records }: { records: number }) => {
      lost.spoolFull = (lost.spoolFull ?? 0) + records;
    },
    changed: () => {},
    refused: () => {},
    lost: () => {},
    replayed: () => {},
  };
  const spool = spooled ? new SpoolQueue(new LaneReader(lane, "w0", site), site) : undefined;
  const backlog = new Backlog(queueBytes, { whenFull, durable }, spool, {
    memoryId: "out-w0-m",
    overBudget,
    lost: (cause, { records }) => {
      lost[cause] = (lost[cause] ?? 0) + records;
    },
  });
  backlog.configure(queueBytes, whenFull, durable, { recordsMax, bytesMax: 1_000_000 });
  let next = 0;
  const push = (count: number) => {
    for (let record = 0; record < count; record++) backlog.push(batchOf(`${next++}`), 0, 1, 0);
  };
  /** Claims and settles all there is. */
  const drain = async () => {
    const taken: string[] = [];
    for (let empty = 0; empty < 50; ) {
      const claim = backlog.claim();
      if (claim === undefined) {
        empty++;
        backlog.flush();
        spool?.start();
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      empty = 0;
      taken.push(...Buffer.concat(claim.payload.body().parts).toString().split("\n"));
      claim.settle(claim.payload.records);
    }
    return taken;
  };
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
  return { backlog, lane, ahead, aheadRemoved: () => removed, spool, lost, push, drain, numbers };
}

describe("a backlog that spills", () => {
  it("writes less than a payload when its queue holds no more than that", async () => {
    const { backlog, spool, push } = rig("spill", { recordsMax: 50 });
    for (let pushed = 0; pushed < 200; pushed++) {
      push(1);
      await until("there is room", () => backlog.accepting);
    }
    expect(spool!.records + backlog.memoryRecords).toBe(200);
  });

  it("writes what a turn's end found the disk too busy for, though nothing comes after it", async () => {
    const { backlog, lane, spool, push, drain, numbers } = rig("spill");
    push(25);
    lane.held = true;
    push(3);
    backlog.flush();
    push(4);
    backlog.flush();
    lane.letGo();
    await until("it is on disk", () => spool!.stagedRecords === 0);
    expect(await drain()).toEqual(numbers(0, 32));
  });

  it("keeps what fits in memory and never touches the disk for it", async () => {
    const { lane, push, drain, numbers } = rig("spill");
    push(10);
    expect(await drain()).toEqual(numbers(0, 10));
    expect(lane.groups).toEqual([]);
  });

  it("writes what finds the queue full to the disk, keeps the order, and takes more at any time", async () => {
    const { backlog, lane, lost, push, drain, numbers } = rig("spill");
    for (let pushed = 0; pushed < 200; pushed += 10) {
      push(10);
      backlog.flush();
      await until("there is room", () => backlog.accepting);
    }
    await until("it is on disk", () => lane.lines().length >= 170);
    expect(backlog.memoryRecords + lane.lines().length).toBe(200);
    expect(await drain()).toEqual(numbers(0, 200));
    expect(lost).toEqual({});
    expect(backlog.idle).toBe(true);
  });

  it("goes back to memory alone when the disk is empty again", async () => {
    const { lane, push, drain } = rig("spill");
    push(100);
    await drain();
    const groups = lane.groups.length;
    push(10);
    expect((await drain()).length).toBe(10);
    expect(lane.groups.length).toBe(groups);
  });

  it("makes the worker wait for a disk that is slower than the input", async () => {
    const { backlog, lane, push, drain, numbers } = rig("spill");
    lane.held = true;
    let pushed = 0;
    while (backlog.accepting && pushed < 1000) {
      push(1);
      pushed++;
    }
    expect(pushed).toBeLessThan(100);
    lane.letGo();
    expect(await drain()).toEqual(numbers(0, pushed));
  });

  it("gives up the oldest that the disk refused, counts them, and holds nobody up", async () => {
    const { backlog, lane, lost, push, drain } = rig("spill");
    push(30);
    lane.refuses = "ENOSPC";
    await until("it has been refused", () => {
      backlog.flush();
      return backlog.spool!.refusing;
    });
    push(500);
    expect(backlog.accepting).toBe(true);
    expect(lost.spoolFull).toBeGreaterThan(400);
    lane.refuses = undefined;
    await until("the disk is asked again", () => !backlog.spool!.refusing);
    const taken = await drain();
    expect(taken.length + lost.spoolFull!).toBe(530);
    expect(taken.at(-1)).toBe("529");
    expect(taken).toEqual(taken.toSorted((a, b) => Number(a) - Number(b)));
  });

  it("spills early when everybody together holds too much", async () => {
    const { lane, push, drain, numbers, backlog } = rig("spill", { overBudget: () => true });
    push(10);
    await until("it is on disk", () => {
      backlog.flush();
      return lane.lines().length === 9;
    });
    expect(await drain()).toEqual(numbers(0, 10));
  });

  it("puts what is in memory on the disk when the run ends, what a sender had begun first", async () => {
    const { backlog, lane, push, numbers } = rig("spill");
    push(12);
    const begun = backlog.claim()!;
    begun.settle(2);
    expect(await backlog.spill([begun])).toBe(true);
    expect(lane.lines()).toEqual(numbers(2, 12));
    expect([backlog.memoryRecords, backlog.takeRest().records]).toEqual([0, 0]);
  });

  it("puts it where the next run reads it first when the disk holds younger records already", async () => {
    const { backlog, lane, ahead, push, numbers } = rig("spill");
    push(30);
    await until("some is on disk", () => {
      backlog.flush();
      return lane.lines().length > 0 && backlog.spool!.stagedRecords === 0;
    });
    const spooled = lane.lines().length;
    const begun = backlog.claim()!;
    expect(await backlog.spill([begun])).toBe(true);
    expect([...ahead.lines(), ...lane.lines()]).toEqual(numbers(0, 30));
    expect(ahead.lines().length).toBe(30 - spooled);
    expect([backlog.memoryRecords, backlog.spool!.records, ahead.closed]).toEqual([0, 30, true]);
  });

  it("keeps for the account what that disk does not take either", async () => {
    const { backlog, lane, ahead, aheadRemoved, push } = rig("spill");
    push(30);
    await until("some is on disk", () => {
      backlog.flush();
      return lane.lines().length > 0 && backlog.spool!.stagedRecords === 0;
    });
    const spooled = lane.lines().length;
    ahead.refuses = "ENOSPC";
    expect(await backlog.spill([])).toBe(false);
    // Else the next run would deliver what counts as lost.
    expect(aheadRemoved()).toBe(true);
    expect(backlog.takeRest().records).toBe(30 - spooled);
    expect(backlog.memoryRecords).toBe(0);
  });

  it("keeps for the account what the disk does not take at the end", async () => {
    const { backlog, lane, push } = rig("spill");
    lane.refuses = "EIO";
    push(12);
    expect(await backlog.spill([])).toBe(false);
    expect(backlog.takeRest()).toEqual({ records: 12, bytes: 14 });
    expect(backlog.memoryRecords).toBe(0);
  });
});

describe("a backlog whose disk refuses", () => {
  it("gives what was to go there to a destination that takes it, in order, and loses nothing", async () => {
    const { backlog, lane, lost, push, drain, numbers } = rig("spill");
    lane.refuses = "ENOSPC";
    push(25);
    await until("it has been refused", () => {
      backlog.flush();
      return backlog.spool!.refusing;
    });
    push(10);
    expect(await drain()).toEqual(numbers(0, 35));
    expect([lost, lane.groups, backlog.idle]).toEqual([{}, [], true]);
  });

  it("never makes the worker wait for a group that nothing comes to fill", async () => {
    const { backlog, lane, push } = rig("spill", { overBudget: () => true });
    // One record in memory, the next ones on their way to the disk, fewer than a group.
    push(1);
    for (let turn = 0; turn < 20; turn++) {
      push(2);
      await until("the worker goes on", () => backlog.accepting);
    }
    expect(lane.lines().length).toBe(40);
  });
});

describe("a durable backlog", () => {
  it("lets everything pass over the disk", async () => {
    const { backlog, lane, push, drain, numbers } = rig("spill", { durable: true });
    push(3);
    backlog.flush();
    expect(await drain()).toEqual(numbers(0, 3));
    expect(lane.lines()).toEqual(numbers(0, 3));
    expect(lane.settled).toEqual([0n]);
  });

  it("gives up a record that is larger than its spool, and goes on with the next", async () => {
    const { backlog, lane, lost, drain } = rig("spill", { durable: true, groupBytes: 100 });
    lane.refuses = "SPOOL_FULL";
    backlog.push(batchOf("x".repeat(1000)), 0, 1, 0);
    backlog.push(batchOf("y"), 0, 1, 0);
    backlog.flush();
    await until("it is given up", () => lost.spoolFull === 1);
    lane.refuses = undefined;
    await until("the disk is asked again", () => !backlog.spool!.refusing);
    expect(await drain()).toEqual(["y"]);
  });

  it("makes the worker wait, and loses nothing, while the disk refuses", async () => {
    const { backlog, lane, lost, push, drain, numbers } = rig("spill", { durable: true });
    lane.refuses = "ENOSPC";
    let pushed = 0;
    while (backlog.accepting && pushed < 1000) {
      push(1);
      pushed++;
      await Promise.resolve();
    }
    expect(pushed).toBeLessThan(100);
    lane.refuses = undefined;
    await until("the disk is asked again", () => !backlog.spool!.refusing);
    expect(await drain()).toEqual(numbers(0, pushed));
    expect(lost).toEqual({});
  });
});

describe("a backlog without a disk", () => {
  it.each(["spill", "block"] as const)("makes the worker wait when it is full (%s)", (whenFull) => {
    const { backlog, push } = rig(whenFull, { spooled: false });
    push(20);
    expect(backlog.accepting).toBe(false);
  });

  it.each(["drop_oldest", "drop_newest"] as const)("counts what %s costs, and takes more", async (whenFull) => {
    const { backlog, lost, push, drain } = rig(whenFull, { spooled: false });
    push(100);
    expect(backlog.accepting).toBe(true);
    const taken = await drain();
    expect(taken.length + lost.queueFull!).toBe(100);
    expect(taken.includes("0")).toBe(whenFull === "drop_newest");
    expect(taken.includes("99")).toBe(whenFull === "drop_oldest");
  });
});
