/** What a sender does with each verdict: an output whose verdicts the test decides, a real HTTP server, a lane in memory for dead letters. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { batchOf } from "../../../test/fixtures/batch.ts";
import { MemoryLane } from "../../../test/fixtures/memory_lane.ts";
import { until } from "../../../test/fixtures/wait.ts";
import type { Output, OutputRequest, PayloadLimits, Verdict } from "../../outputs/output.ts";
import { forwardLog } from "../../telemetry/log.ts";
import type { EngineKind } from "../engine/engine.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { outputCell, outputCells } from "../ledger/layout.ts";
import { DeadLetters } from "./dead_letters.ts";
import { Sender, type SenderOptions, type SenderTuning } from "./sender.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Taken {
  readonly path: string;
  readonly group: string;
  readonly lines: readonly string[];
}

type Judge = (lines: readonly string[], request: number) => Verdict;

/** @param judge what the destination makes of a payload's lines; the requests are numbered from 0 */
async function rig(judge: Judge, more: Partial<SenderOptions> = {}, description: Partial<Output> = {}) {
  const taken: Taken[] = [];
  const delayMs = { answer: 0 };
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString();
      const group = String(request.headers["x-group"] ?? "");
      taken.push({ path: request.url!, group, lines: text === "" ? [] : text.split("\n") });
      setTimeout(() => response.end(text), delayMs.answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const request = (path: string, text = ""): OutputRequest => ({
    url: `${url}${path}`,
    method: "POST",
    headers: {},
    body: { parts: [Buffer.from(text)], bytes: Buffer.byteLength(text) },
  });
  let requests = 0;
  const output: Output = {
    type: "http",
    limits: { recordsMax: 1000, bytesMax: 1_000_000 },
    envelope: { kind: "text" },
    compressions: ["none"],
    request: (body, { groupId }) => ({ url: `${url}/`, method: "POST", headers: { "x-group": groupId }, body }),
    verdict: ({ body }) => judge(body.split("\n"), requests++),
    ...description,
  };
  const lane = new MemoryLane();
  const log: { level: string; message: string }[] = [];
  let sender: Sender;
  const deadLetters = new DeadLetters({
    open: async () => lane,
    gaveUp: (amount) => sender.deadLettersLost(amount),
    refused: () => {},
  });
  sender = new Sender({
    key: "k",
    id: "out",
    memoryId: "out-w0-0000002a-m",
    kind: portableKind(),
    identity: "1",
    output,
    recordsMax: 100,
    bytesMax: 1_000_000,
    ageMsMax: 20,
    encoding: "none",
    concurrency: { max: 1, adapts: false },
    retry: { delayMsMax: 100, afterMsMax: 1000, deadlineMs: 0 },
    timeoutMs: 30_000,
    queueBytesMax: 1_000_000,
    whenFull: "block",
    durable: false,
    spool: undefined,
    deadLetters,
    log: forwardLog((level, _fields, message) => log.push({ level, message })),
    site: { changed: () => {}, nothingWaits: () => true, overBudget: () => false },
    random: () => 0,
    ...more,
  });
  const send = async (...records: string[]) => {
    sender.push(batchOf(...records), 0, records.length, 1_700_000_000_000);
    sender.flush();
    await until("all is settled", () => sender.idle);
  };
  const cell = (name: keyof typeof outputCell) => {
    const cells = new Float64Array(outputCells);
    sender.write(cells, 0);
    return cells[outputCell[name]];
  };
  const sent = () => taken.filter(({ path }) => path === "/").map(({ lines }) => lines.join(" "));
  closers.push(() => sender.drain(AbortSignal.abort(), false));
  return { sender, output, lane, log, taken, sent, send, cell, request, delayMs };
}

const acked: Verdict = { kind: "acked" };

describe("a verdict", () => {
  it("that records in the middle were not taken makes dead letters of these, with their reasons, and delivers the rest", async () => {
    const { sender, lane, send, cell } = await rig(() => ({
      kind: "partly",
      rejected: [
        { from: 3, to: 4, reason: "too new", cause: "too_new" },
        { from: 0, to: 1, reason: "too old", cause: "too_old" },
      ],
    }));
    await send("a", "b", "c", "d", "e");
    expect(lane.groups.map(({ reason }) => reason)).toEqual(["too old", "too new"]);
    expect(sender.status.dead_letters_by_cause).toEqual({ too_old: 1, too_new: 1 });
    expect(lane.lines()).toEqual(["a", "d"]);
    expect([cell("deliveredRecords"), cell("deadLetteredRecords"), cell("queuedRecords")]).toEqual([3, 2, 0]);
    expect(cell("deliveredBytes")! + cell("deadLetteredBytes")!).toBe(5);
  });

  it("of too much sends two halves under names of their own, down to a single record", async () => {
    const { lane, taken, sent, send, cell } = await rig((lines) =>
      lines.length > 2 || lines.includes("huge") ? { kind: "split", reason: "HTTP 413" } : acked,
    );
    await send("a", "b", "huge", "c", "d");
    expect(sent()).toEqual(["a b huge c d", "a b", "huge c d", "huge", "c d"]);
    const [whole] = taken;
    expect(taken.map(({ group }) => group.replace(whole!.group, ""))).toEqual(["", "/1", "/2", "/2/1", "/2/2"]);
    expect(lane.lines()).toEqual(["huge"]);
    expect([cell("deliveredRecords"), cell("deadLetteredRecords")]).toEqual([4, 1]);
  });

  it("that one record is wrong delivers those before it, keeps it, and sends those behind it once more and nothing twice", async () => {
    const { lane, sent, send, cell, taken } = await rig((lines) => {
      const at = lines.findIndex((line) => line.startsWith("bad"));
      return at < 0 ? acked : { kind: "resume", at, reason: "code 6" };
    });
    await send("a", "b", "bad1", "c", "bad2", "d");
    expect(sent()).toEqual(["a b bad1 c bad2 d", "c bad2 d", "d"]);
    expect(taken.map(({ group }) => group.replace(taken[0]!.group, ""))).toEqual(["", "/3-6", "/5-6"]);
    expect(lane.lines()).toEqual(["bad1", "bad2"]);
    expect([cell("deliveredRecords"), cell("deadLetteredRecords")]).toEqual([4, 2]);
  });

  it("that a person must mend something is said as an error, and the payload kept", async () => {
    const { log, send, cell } = await rig((_lines, request) =>
      request < 2 ? { kind: "retry", reason: "HTTP 403", alert: "the key is not allowed to do this" } : acked,
    );
    await send("a");
    expect(log.find(({ level }) => level === "error")?.message).toBe(
      "output out needs attention: the key is not allowed to do this",
    );
    expect(cell("deliveredRecords")).toBe(1);
  });

  it("that something must be made first makes it, and sends again at once", async () => {
    const { taken, send, cell } = await rig((_lines, request) =>
      request === 0 ? { kind: "retry", reason: "no group", first: [probe.request("/create")] } : acked,
    );
    const probe = await rig(() => acked);
    await send("a");
    expect(taken.map(({ path }) => path)).toEqual(["/", "/"]);
    expect(probe.taken.map(({ path }) => path)).toEqual(["/create"]);
    expect(cell("deliveredRecords")).toBe(1);
  });

  it("that something must be made first makes it at each try until it is made, and then sends again", async () => {
    let asked = 0;
    const create = () => ({ ...probe.request("/create"), served: () => ++asked > 1 });
    const { sent, send, cell } = await rig(() =>
      asked > 1 ? acked : { kind: "retry", reason: "no group", first: [create()] },
    );
    const probe = await rig(() => acked);
    await send("a");
    expect(probe.taken.map(({ path }) => path)).toEqual(["/create", "/create"]);
    expect([sent(), cell("deliveredRecords")]).toEqual([["a", "a", "a"], 1]);
  });

  it("of refusal makes dead letters, or counts them lost{dead_letter} where they cannot be kept", async () => {
    const { sender, lane, send, cell, log } = await rig(() => ({
      kind: "rejected",
      reason: "HTTP 400",
      cause: "http_400",
    }));
    await send("a", "b");
    expect(lane.groups[0]).toMatchObject({ reason: "HTTP 400", records: 2, timeMs: 1_700_000_000_000 });
    lane.refuses = "ENOSPC";
    await send("c");
    expect([cell("deadLetteredRecords"), cell("lostDeadLetterRecords")]).toEqual([2, 1]);
    expect(sender.status.dead_letters_by_cause).toEqual({ http_400: 3 });
    expect(log.map(({ message }) => message).join()).not.toMatch(/: [abc]\b/);
  });

  it("after the deadline makes dead letters of what was not taken", async () => {
    const { sender, lane, send, cell } = await rig(() => ({ kind: "retry", reason: "HTTP 503" }), {
      retry: { delayMsMax: 10, afterMsMax: 10, deadlineMs: 50 },
    });
    await send("a");
    expect(lane.groups[0]!.reason).toBe("not taken within the deadline: HTTP 503");
    expect(sender.status.dead_letters_by_cause).toEqual({ deadline: 1 });
    expect(cell("deadLetteredRecords")).toBe(1);
  });
});

describe("a signature", () => {
  /** Credentials that come when they are let go. */
  const signer = () => {
    const signals: AbortSignal[] = [];
    const held = { open: false };
    return {
      signals,
      held,
      sign: (_request: OutputRequest, signal: AbortSignal) => {
        signals.push(signal);
        return held.open ? Promise.resolve({ "x-signed": "1" }) : new Promise<never>(() => {});
      },
    };
  };

  it("that does not come in time is asked for again, and the payload leaves with it", async () => {
    const slow = signer();
    const { sender, send, taken, cell, log } = await rig(() => acked, { signer: slow, timeoutMs: 200 });
    const sending = send("a");
    await until("it took too long", () => sender.status.failures === 1);
    expect([slow.signals[0]!.aborted, taken.length]).toEqual([true, 0]);
    slow.held.open = true;
    await sending;
    expect(cell("deliveredRecords")).toBe(1);
    expect(log[0]!.message).toContain("output out does not take a payload: SG_OUTPUT_SECRET");
  });

  it("that never comes does not hold up a stop", async () => {
    const slow = signer();
    const { sender, cell } = await rig(() => acked, { signer: slow });
    sender.push(batchOf("a"), 0, 1, 0);
    sender.flush();
    await until("it is asked for", () => slow.signals.length > 0);
    await sender.drain(AbortSignal.abort(), false);
    expect([cell("lostShutdownRecords"), slow.signals[0]!.aborted]).toEqual([1, true]);
  });
});

describe("a destination that confirms later", () => {
  const confirmation = (confirms: (tokens: readonly string[]) => readonly string[], timeoutMs: number) => ({
    confirmation: {
      request: (tokens: readonly string[]) => ({ ...probe!("/ack"), body: bodyOf(JSON.stringify(tokens)) }),
      confirmed: ({ body }: { body: string }) => new Set(confirms(JSON.parse(body))),
      timeoutMs,
      intervalMs: 5,
    },
  });
  const bodyOf = (text: string) => ({ parts: [Buffer.from(text)], bytes: Buffer.byteLength(text) });
  let probe: ((path: string) => OutputRequest) | undefined;

  it("is asked about many payloads at once, and other payloads leave meanwhile", async () => {
    let open = false;
    const asked: number[] = [];
    const { sender, send, sent, cell, request } = await rig(
      (_lines, number) => ({ kind: "confirm", token: `t${number}` }),
      { recordsMax: 1 },
      confirmation((tokens) => {
        asked.push(tokens.length);
        return open ? tokens : [];
      }, 60_000),
    );
    probe = request;
    const all = send("a", "b", "c");
    await until("all three have left", () => sent().length === 3);
    await until("they are asked about together", () => asked.includes(3));
    expect([cell("deliveredRecords"), sender.idle]).toEqual([0, false]);
    open = true;
    await all;
    expect([cell("deliveredRecords"), sent().length]).toEqual([3, 3]);
  });

  it("gets a payload again that it did not confirm in time, under the same name", async () => {
    const { send, taken, cell, request } = await rig(
      (_lines, number) => ({ kind: "confirm", token: `t${number}` }),
      {},
      confirmation((tokens) => tokens.filter((token) => token !== "t0"), 30),
    );
    probe = request;
    await send("a");
    const groups = taken.filter(({ path }) => path === "/").map(({ group }) => group);
    expect(groups.length).toBe(2);
    expect(new Set(groups).size).toBe(1);
    expect(cell("deliveredRecords")).toBe(1);
  });
});

describe("a destination that wants times in order", () => {
  const hourMs = 3_600_000;
  const bodies = async (limits: Partial<PayloadLimits>, ...timesMs: readonly number[]) => {
    const frame = { before: "", time: "ms", after: "" } as const;
    const { sender, cell, taken } = await rig(
      () => acked,
      {},
      {
        limits: { recordsMax: 1000, bytesMax: 1_000_000, ...limits },
        // biome-ignore lint/suspicious/noThenProperty: text of an envelope, never awaited
        envelope: { kind: "json", before: "", between: ",", after: "", string: { ...frame, then: ":" } },
      },
    );
    for (const timeMs of timesMs) sender.push(batchOf("x"), 0, 1, timeMs);
    sender.flush();
    await until("all is settled", () => sender.idle);
    expect(cell("deliveredRecords")).toBe(timesMs.length);
    return taken.map(({ group, lines }) => ({
      of: group.replace(/^[^/]*/, ""),
      times: lines[0]!.split(",").map((item) => Number(item.split(":")[0])),
    }));
  };

  it("gets what was received after the clock was set back in a payload of its own", async () => {
    const times = [10 * hourMs, 11 * hourMs, 9 * hourMs, 9 * hourMs, 12 * hourMs, 8 * hourMs];
    expect(await bodies({ chronological: true }, ...times)).toEqual([
      { of: "/0-2", times: [10 * hourMs, 11 * hourMs] },
      { of: "/2-5", times: [9 * hourMs, 9 * hourMs, 12 * hourMs] },
      { of: "/5-6", times: [8 * hourMs] },
    ]);
  });

  it("gets no more time in one payload than it takes", async () => {
    expect(await bodies({ spanMsMax: 24 * hourMs }, 0, 24 * hourMs, 24 * hourMs + 1, 25 * hourMs, hourMs)).toEqual([
      { of: "/0-2", times: [0, 24 * hourMs] },
      { of: "/2-5", times: [24 * hourMs + 1, 25 * hourMs, hourMs] },
    ]);
  });

  it("gets all in one where it wants nothing of that", async () => {
    expect(await bodies({}, 2 * hourMs, hourMs, 50 * hourMs)).toEqual([
      { of: "", times: [2 * hourMs, hourMs, 50 * hourMs] },
    ]);
  });
});

describe("a sender with several requests under way", () => {
  it("has as many as it may, each payload once, and settles them in any order", async () => {
    const rigged = await rig(() => acked, { recordsMax: 1, concurrency: { max: 4, adapts: false } });
    rigged.delayMs.answer = 20;
    const records = Array.from({ length: 20 }, (_, index) => `${index}`);
    let most = 0;
    const look = setInterval(() => {
      most = Math.max(most, rigged.sender.status.in_flight ?? 0);
    }, 1);
    await rigged.send(...records);
    clearInterval(look);
    expect(most).toBe(4);
    expect(rigged.sent().toSorted((a, b) => Number(a) - Number(b))).toEqual(records);
    expect(rigged.cell("deliveredRecords")).toBe(20);
  });
});

describe("a record that comes while a request hangs", () => {
  it("leaves by another one when it has waited as long as it may", async () => {
    const rigged = await rig(() => acked, { concurrency: { max: 2, adapts: false }, ageMsMax: 20 });
    const { sender, sent, delayMs } = rigged;
    delayMs.answer = 60_000;
    sender.push(batchOf("hangs"), 0, 1, 0);
    sender.flush();
    await until("it hangs", () => sent().length === 1);
    delayMs.answer = 0;
    sender.push(batchOf("late"), 0, 1, 0);
    await until("it has left", () => sent().includes("late"));
  });
});

describe("a configuration that changes while a payload waits", () => {
  const tuned = (output: Output): SenderTuning => ({
    identity: "2",
    output,
    recordsMax: 100,
    bytesMax: 1_000_000,
    ageMsMax: 20,
    encoding: "none",
    concurrency: { max: 1, adapts: false },
    retry: { delayMsMax: 50, afterMsMax: 50, deadlineMs: 0 },
    timeoutMs: 30_000,
    queueBytesMax: 1_000_000,
    whenFull: "block",
    durable: false,
  });

  it("holds for that payload too: what was mended frees it", async () => {
    const { sender, output, cell, send } = await rig(() => ({ kind: "retry", reason: "HTTP 401", alert: "token" }), {
      retry: { delayMsMax: 50, afterMsMax: 50, deadlineMs: 0 },
    });
    const sending = send("a");
    await until("it was refused", () => (sender.status.failures ?? 0) > 0);
    sender.tune(tuned({ ...output, verdict: () => acked }));
    await sending;
    expect(cell("deliveredRecords")).toBe(1);
  });

  it("names the rest of a payload of which a part is settled otherwise than the whole, and its halves after it", async () => {
    let mended = false;
    const { sender, output, cell, send, taken } = await rig(
      (lines) => {
        if (lines.length > 2) return { kind: "split", reason: "HTTP 413" };
        return lines.includes("a") || mended ? acked : { kind: "retry", reason: "HTTP 503", afterMs: 3_600_000 };
      },
      { retry: { delayMsMax: 100, afterMsMax: 3_600_000, deadlineMs: 0 } },
    );
    const sending = send("a", "b", "c", "d", "e", "f");
    await until("a part is refused", () => sender.status.failures === 1);
    mended = true;
    sender.tune(tuned(output));
    await sending;
    expect(taken.map(({ group, lines }) => [group.replace(taken[0]!.group, ""), lines.join("")])).toEqual([
      ["", "abcdef"],
      ["/1", "abc"],
      ["/1/1", "a"],
      ["/1/2", "bc"],
      ["/1-6", "bcdef"],
      ["/1-6/1", "bc"],
      ["/1-6/2", "def"],
      ["/1-6/2/1", "d"],
      ["/1-6/2/2", "ef"],
    ]);
    expect(cell("deliveredRecords")).toBe(6);
  });

  it("leaves a payload that was sent before to be confirmed as it was sent", async () => {
    const { sender, output, cell, send, taken, request, delayMs } = await rig(
      () => ({ kind: "confirm", token: "t" }),
      {},
      {
        confirmation: {
          request: () => request("/ack"),
          confirmed: () => new Set(["t"]),
          timeoutMs: 60_000,
          intervalMs: 1,
        },
      },
    );
    delayMs.answer = 50;
    const sending = send("a");
    await until("it was sent", () => taken.length > 0);
    const { confirmation: _, ...without } = output;
    sender.tune(tuned({ ...without, verdict: () => acked }));
    await sending;
    expect(taken.map(({ path }) => path)).toEqual(["/", "/ack"]);
    expect([cell("deliveredRecords"), sender.status.last_error]).toEqual([1, undefined]);
  });
});

describe("a fault of the gate itself", () => {
  it("at a payload is said, and the payload tried again", async () => {
    let faults = 0;
    const kind: EngineKind = {
      ...portableKind(),
      createEncoder: (envelope) => {
        if (faults++ < 2) throw new TypeError("secret");
        return portableKind().createEncoder(envelope);
      },
    };
    const frame = { before: "", after: "" };
    const { send, cell, log, sender } = await rig(
      () => acked,
      { kind },
      { envelope: { kind: "json", before: "", between: "", after: "", string: frame } },
    );
    await send("a", "b");
    await send("c");
    expect([cell("deliveredRecords"), cell("queuedRecords"), sender.status.in_flight]).toEqual([3, 0, 0]);
    expect(log).toEqual([
      { level: "error", message: "output out tries a payload again after a fault of the gate itself (TypeError)" },
    ]);
  });

  it("that comes back at each try makes dead letters of the payload, and those behind it leave", async () => {
    // It asks for confirmation and says nothing of how.
    const { send, cell, lane, sender } = await rig((lines) =>
      lines.includes("bad") ? { kind: "confirm", token: "t" } : acked,
    );
    await send("bad", "a");
    await send("b", "c");
    expect(lane.groups.map(({ reason, records }) => [reason, records])).toEqual([
      ["a fault of the gate itself (TypeError)", 2],
    ]);
    expect([cell("deliveredRecords"), cell("deadLetteredRecords"), cell("queuedRecords")]).toEqual([2, 2, 0]);
    expect(sender.status.in_flight).toBe(0);
  });

  it("does not hold up a stop: what it hit is counted", async () => {
    const { sender, cell } = await rig(() => ({ kind: "confirm", token: "t" }));
    sender.push(batchOf("a"), 0, 1, 0);
    sender.flush();
    await until("it was hit", () => sender.status.last_error?.includes("fault") === true);
    await sender.drain(AbortSignal.abort(), false);
    expect([cell("lostShutdownRecords"), cell("queuedRecords")]).toEqual([1, 0]);
  });
});
