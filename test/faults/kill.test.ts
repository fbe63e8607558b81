/**
 * `kill -9` at random moments under load, with a durable output: what `/status` said to be durable arrives, whatever comes.
 *
 *     KILLS=100 KILL_SEED=… npx vitest run test/faults/kill.test.ts
 *
 * One worker and one connection at a time, so that the n-th line of a life is the n-th record of the lane in that life. The number at which
 * a life begins is read when nothing moves: after its first line, `life`, has arrived.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { random } from "../fixtures/random.ts";
import { engines } from "../fixtures/requirement.ts";
import { connectTcp, write } from "../fixtures/tcp.ts";
import { type Answer, type ReceivedRequest, ScriptedServer } from "../fixtures/vendors/scripted_server.ts";
import { until } from "../fixtures/wait.ts";

const kills = Number(process.env.KILLS ?? 3);
const seed = Number(process.env.KILL_SEED ?? Date.now() % 2 ** 31);
const output = "durable";
const filler = "abcdefghij".repeat(12);
/** Lines of one write. */
const writeLines = 500;

/** Takes lines `r<life> <number> …`, and remembers in which group each came. */
class Receiver extends ScriptedServer {
  /** For each life, line numbers and the group that brought them first. */
  readonly lives = new Map<number, Map<number, string>>();
  /** Lives whose first line has come. */
  readonly begun = new Set<number>();
  /** Lines that came again in another group: what was settled, and sent once more. */
  repeatedElsewhere = 0;
  repeated = 0;

  protected override answerTo(status: number): Answer {
    return { status };
  }

  protected override judge({ body, group = "" }: ReceivedRequest): Answer {
    for (const line of body.toString("latin1").split("\n")) {
      const [, kind, life, number] = /^(life|r)(\d+) ?(\d*)/.exec(line) ?? [];
      if (kind === "life") this.begun.add(Number(life));
      if (kind !== "r") continue;
      const lines = this.lives.get(Number(life)) ?? new Map<number, string>();
      this.lives.set(Number(life), lines);
      const before = lines.get(Number(number));
      if (before === undefined) lines.set(Number(number), group);
      else if (before === group) this.repeated++;
      else this.repeatedElsewhere++;
    }
    // A body of a long run, kept, would be the test's own leak.
    this.requests.length = 0;
    return { status: 200 };
  }
}

/** What of a life has to arrive: its lines numbered below this. */
interface Life {
  readonly life: number;
  durableLines: number;
}

afterEach(disposeGates);

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`kill -9 of ${engine}${note}`, () => {
    it(`loses nothing up to the durable_sequence last read, ${kills} times (seed ${seed})`, {
      timeout: 60_000 + kills * 20_000,
    }, async () => {
      console.log(`kill.test.ts on ${engine}: KILL_SEED=${seed} KILLS=${kills}`);
      const next = random(seed);
      const receiver = await new Receiver().listen();
      try {
        const lives: Life[] = [];
        let dataDir: string | undefined;
        for (let life = 0; life < kills; life++) {
          const gate = await start(engine, dataDir);
          if (dataDir === undefined) await configure(gate, receiver.url);
          dataDir = gate.dataDir;
          lives.push(await liveAndDie(gate, receiver, life, next));
        }
        receiver.behave();
        const last = await start(engine, dataDir);
        for (const { life, durableLines } of lives) {
          await until(
            `life ${life} has its ${durableLines} durable lines`,
            () => missing(life, durableLines) === 0,
            60_000,
          ).catch((error) => {
            throw new Error(
              `${error.message}; ${missing(life, durableLines)} are missing; KILL_SEED=${seed}\n${last.stderr}`,
            );
          });
        }
        const sum = (count: (life: Life) => number) => lives.reduce((total, life) => total + count(life), 0);
        console.log(
          `kill.test.ts on ${engine}: ${kills} kills, ${sum(({ life }) => receiver.lives.get(life)?.size ?? 0)} lines came, ` +
            `${sum(({ durableLines }) => durableLines)} of them had been told to be durable, ${sum(({ life, durableLines }) => missing(life, durableLines))} ` +
            `of these missing; ${receiver.repeated} came again in their group, ${receiver.repeatedElsewhere} in another`,
        );
        expect(receiver.repeatedElsewhere, `lines that came in two groups; KILL_SEED=${seed}`).toBe(0);
        expect(receiver.violations).toEqual([]);
        // The run was worth it: something was durable, and something was under way when it ended.
        expect(lives.some(({ durableLines }) => durableLines > 0)).toBe(true);
        expect((await last.stop()).code).toBe(0);

        function missing(life: number, durableLines: number): number {
          const lines = receiver.lives.get(life);
          let count = 0;
          for (let number = 0; number < durableLines; number++) if (!lines?.has(number)) count++;
          return count;
        }
      } finally {
        await receiver.close();
      }
    });
  });
}

function start(engine: "native" | "portable", dataDir: string | undefined): Promise<Gate> {
  return Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" }, ...(dataDir !== undefined && { dataDir }) });
}

async function configure(gate: Gate, url: string): Promise<void> {
  await gate.ok("POST", "/outputs", {
    type: "http",
    id: output,
    url,
    queue: { durable: true, fsync: "interval", fsync_interval_ms: 20 },
  });
  await gate.publish();
}

/** Sends until a random moment, kills, and says how many lines were told to be durable. */
async function liveAndDie(gate: Gate, receiver: Receiver, life: number, next: () => number): Promise<Life> {
  receiver.behave();
  await gate.send(`life${life}\n`);
  await until("the first line arrives", () => receiver.begun.has(life)).catch((error) => {
    throw new Error(`${error.message}\n${gate.stderr}`);
  });
  const base = await restingSequence(gate);

  // In three lives of ten the destination refuses, so that everything is on disk when the end comes.
  if (next() < 0.3) receiver.answerWith(503);
  const lifeMs = 50 + next() * 1500;
  let sending = true;
  const sender = (async () => {
    const socket = await connectTcp(gate.tcpPort);
    for (let number = 0; sending; number += writeLines) {
      let text = "";
      for (let line = number; line < number + writeLines; line++) text += `r${life} ${line} ${filler}\n`;
      await write(socket, text);
      await sleep(1);
    }
    socket.destroy();
  })().catch(() => {}); // Its connection ends with the gate.
  let durable = base;
  const reader = (async () => {
    while (sending) durable = (await durableSequence(gate)) ?? durable;
  })();

  await sleep(lifeMs);
  gate.child.kill("SIGKILL");
  await gate.exited;
  sending = false;
  await Promise.all([sender, reader]);
  return { life, durableLines: Number(durable - base) };
}

/** @returns undefined where the gate no longer answers */
async function durableSequence(gate: Gate): Promise<bigint | undefined> {
  const answer = await gate.api("GET", "/status").catch(() => undefined);
  if (answer === undefined) return undefined;
  const told = answer.body?.outputs?.[output]?.lanes?.[0]?.durable_sequence;
  if (typeof told !== "string" || !/^\d+$/.test(told)) {
    throw new Error(`/status says of outputs["${output}"].lanes[0]: ${JSON.stringify(answer.body?.outputs)}`);
  }
  return BigInt(told);
}

/** The sequence behind everything that was sent: it has moved no more for several flush intervals. */
async function restingSequence(gate: Gate): Promise<bigint> {
  let before: bigint | undefined;
  let unmoved = 0;
  return await until("the durable sequence rests", async () => {
    const now = await durableSequence(gate);
    unmoved = now !== undefined && now === before ? unmoved + 1 : 0;
    before = now;
    return unmoved >= 10 ? now : undefined;
  });
}
