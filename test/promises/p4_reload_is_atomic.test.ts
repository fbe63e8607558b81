/**
 * P4: under load every line meets one whole manifest, the old or the new; none is lost, doubled, or treated by half of each, whatever becomes of
 * rules and outputs meanwhile.
 *
 *     RELOADS=1000 npx vitest run test/promises/p4_reload_is_atomic.test.ts
 */
import { afterEach, describe, expect, it } from "vitest";
import { type Status, statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { LineReceiver } from "../fixtures/line_receiver.ts";
import { engines } from "../fixtures/requirement.ts";
import { write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

const connections = 4;
/** Lines that have to go out on each connection between two publishes. */
const linesPerPublish = 2_000;
const publishes = 8;
const reloads = Number(process.env.RELOADS ?? 20);
/** Lines of all connections together between two reloads, at least. */
const linesPerReload = 300;

/** Rules that give both ends of a line the same word: one that has two was treated by no single manifest. */
function rulesOf(word: string) {
  const rule = (id: string, pattern: string) => ({ id, type: "redact", params: { pattern, replacement: word } });
  return [rule("head", "HEAD"), rule("tail", "TAIL")];
}

/** A change of the draft, for each number another one. All outputs that it adds it takes away again later. */
async function changeOutputs(
  gate: Gate,
  receivers: Record<"kept" | "spilling" | "extra", LineReceiver>,
  round: number,
) {
  const kept = { type: "http", url: `${receivers.kept.url}/kept/${round}` };
  const spilling = { type: "http", url: `${receivers.spilling.url}/spilling`, retry: { max_delay_ms: 200 } };
  const spill = { when_full: "spill", max_bytes: 64 * 1024 };
  const extra = (path: string) => `${receivers.extra.url}/${path}`;
  const extras = async () =>
    (await gate.ok("GET", "/outputs")).filter((output: Status) => output.url.includes("/extra"));
  const removeExtras = async () => {
    for (const { id } of await extras()) await gate.ok("DELETE", `/outputs/${id}`);
  };
  const steps = [
    () => gate.ok("PUT", "/outputs/kept", { ...kept, headers: { "x-token": `t${round}` } }),
    () =>
      gate.ok("PUT", "/outputs/kept", { ...kept, payload: { max_records: 10 + (round % 300) }, compression: "gzip" }),
    () => gate.ok("POST", "/outputs", { type: "http", id: "extra", url: extra("extra-named") }),
    () =>
      gate.ok("PUT", "/outputs/kept", {
        ...kept,
        queue: { max_bytes: 65_536, when_full: round % 2 ? "block" : "spill" },
      }),
    removeExtras,
    // Names are made up for these from where they send to.
    () => gate.ok("POST", "/outputs", { type: "http", url: extra(`extra-a/${round}`) }),
    () => gate.ok("POST", "/outputs", { type: "http", url: extra(`extra-b/${round}`), queue: { durable: true } }),
    () => gate.ok("PUT", "/outputs/spilling", { ...spilling, queue: spill, concurrency: 1 + (round % 4) }),
    removeExtras,
    () => gate.ok("POST", `/config/batch_size?size=${1 + ((round * 37) % 500)}`),
    () =>
      gate.ok("POST", "/outputs", {
        type: "http",
        id: "extra",
        url: extra("extra-odd"),
        filter: { pattern: "^\\d+ \\d*[13579] " },
      }),
    () =>
      gate.ok("PUT", "/outputs/extra", {
        type: "http",
        url: extra("extra-even"),
        filter: { pattern: "^\\d+ \\d*[02468] " },
      }),
    () =>
      gate.ok("PUT", "/outputs/spilling", { ...spilling, queue: { ...spill, durable: true, fsync_interval_ms: 50 } }),
    removeExtras,
  ];
  await steps[round % steps.length]!();
  // Down for some rounds, so that there is something in its spool most of the time.
  if (round % 5 === 0) receivers.spilling.answerWith(503);
  if (round % 5 === 3) receivers.spilling.behave();
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`P4 on ${engine}${note}`, () => {
    it("swaps manifests between two blocks, with every socket open", async () => {
      const gate = await Gate.start({ engine });
      const head = (word: string) => ({ id: "head", type: "redact", params: { pattern: "HEAD", replacement: word } });
      const tail = (word: string) => ({ id: "tail", type: "redact", params: { pattern: "TAIL", replacement: word } });
      await gate.ok("POST", "/rules", head("m0"));
      await gate.ok("POST", "/rules", tail("m0"));
      await gate.publish();
      const sockets = await Promise.all(Array.from({ length: connections }, () => gate.connect()));
      const closed = sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
      const sent = Array<number>(connections).fill(0);
      let publishing = true;
      const sending = sockets.map(async (socket, connection) => {
        while (publishing) {
          let text = "";
          for (let line = 0; line < 200; line++)
            text += `${connection} ${sent[connection]!++} HEAD some words between TAIL\n`;
          await write(socket, text);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      });
      for (let round = 1; round <= publishes; round++) {
        const due = sent.map((lines) => lines + linesPerPublish);
        await until("the load goes on", () => sent.every((lines, connection) => lines >= due[connection]!));
        await gate.ok("PUT", "/rules/head", head(`m${round}`));
        await gate.ok("PUT", "/rules/tail", tail(`m${round}`));
        await gate.publish();
      }
      publishing = false;
      await Promise.all(sending);
      expect(sockets.map((socket) => socket.destroyed)).toEqual(sockets.map(() => false));
      // Published and answered: the next line sent is treated by the last manifest.
      await write(sockets[0]!, `0 ${sent[0]!++} HEAD some words between TAIL\n`);
      const total = sent.reduce((sum, lines) => sum + lines, 0);
      for (const socket of sockets) socket.end();
      await Promise.all(closed);
      await gate.waitForLines(total, 60_000);
      await gate.stop();
      const lines = gate.lines();
      expect(lines.length).toBe(total);
      const next = Array<number>(connections).fill(0);
      const manifest = Array<number>(connections).fill(0);
      const used = new Set<number>();
      for (const line of lines) {
        const [, connection, index, first, last] = /^(\d) (\d+) m(\d) some words between m(\d)$/.exec(line) ?? [];
        if (connection === undefined || first !== last) throw new Error(`treated by no single manifest: ${line}`);
        const from = Number(connection);
        if (Number(index) !== next[from])
          throw new Error(`connection ${from}: line ${index} where ${next[from]} was due`);
        if (Number(first) < manifest[from]!)
          throw new Error(`connection ${from}: an older manifest after a newer one: ${line}`);
        next[from]!++;
        manifest[from] = Number(first);
        used.add(Number(first));
      }
      expect(used.size).toBeGreaterThan(2); // Else the publishes did not meet the load and the test has shown nothing.
      expect(next).toEqual(sent);
      expect(lines.findLast((line) => line.startsWith("0 "))).toContain(`m${publishes} `);
    });

    it(`loses, doubles and lets through nothing in ${reloads} reloads of rules, outputs and batch size`, {
      timeout: 60_000 + reloads * 3000,
    }, async () => {
      const gate = await Gate.start({ engine, env: { QUEUE_BYTES: "1MiB" } });
      const whole = (line: string) => /^\d+ \d+ (m\d+) XXX-XX-XXXX some words between (m\d+)$/.exec(line);
      const fine = (line: string) => {
        const [, first, last] = whole(line) ?? [];
        return first !== undefined && first === last;
      };
      const open = () => new LineReceiver(connections, 4_000_000, fine).listen();
      const receivers = { kept: await open(), spilling: await open(), extra: await open() };
      try {
        for (const rule of rulesOf("m0")) await gate.ok("POST", "/rules", rule);
        await gate.addRule("ssn", "redact", { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" });
        for (const id of ["kept", "spilling"] as const)
          await gate.ok("POST", "/outputs", { type: "http", id, url: `${receivers[id].url}/${id}` });
        await gate.publish();
        const sockets = await Promise.all(Array.from({ length: connections }, () => gate.connect()));
        const closed = sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
        const sent = Array<number>(connections).fill(0);
        let reloading = true;
        let due = 0;
        const sentLines = () => sent.reduce((sum, lines) => sum + lines, 0);
        const sending = sockets.map(async (socket, connection) => {
          while (reloading) {
            let text = "";
            for (let line = 0; line < 50; line++)
              text += `${connection} ${sent[connection]!++} HEAD 123-45-6789 some words between TAIL\n`;
            await write(socket, text);
            // Ahead of the reloads by as much as they have to meet, and no more, so that a long run ends.
            while (reloading && sentLines() > due + 4 * linesPerReload) await new Promise((go) => setTimeout(go, 1));
          }
        });
        for (let round = 1; round <= reloads; round++) {
          due = Math.max(due, sentLines()) + linesPerReload / 2;
          await until("the load goes on", () => sentLines() >= due, 60_000);
          for (const rule of rulesOf(`m${round}`)) await gate.ok("PUT", `/rules/${rule.id}`, rule);
          await changeOutputs(gate, receivers, round);
          await gate.publish();
        }
        reloading = false;
        await Promise.all(sending);
        receivers.spilling.behave();
        for (const socket of sockets) socket.end();
        await Promise.all(closed);
        const total = sentLines();
        const status = await statusAtRest(
          gate,
          "everything has left",
          ({ outputs }) =>
            Object.values<Status>(outputs).every(({ queued, spooled }) => queued.records + spooled.records === 0),
          120_000,
        );
        console.log(`${engine}: ${reloads} reloads met ${total} lines`);
        expect(status.received.records).toBe(total);
        for (const { bad, violations } of Object.values(receivers)) expect([bad, violations]).toEqual([[], []]);
        expect(receivers.kept.flaws("kept", sent), "kept").toEqual({ missing: 0, doubled: 0 });
        expect(receivers.spilling.flaws("spilling", sent), "spilling").toEqual({ missing: 0, doubled: 0 });
        for (const [id, output] of Object.entries<Status>(status.outputs)) expect(output.lost, id).toEqual({});
        for (const name of receivers.extra.taken.keys())
          expect(receivers.extra.flaws(name, sent).doubled, name).toBe(0);
        const extraLines = [...receivers.extra.taken.values()].reduce((sum, { lines }) => sum + lines, 0);
        const delivered = Object.entries<Status>(status.outputs).filter(([id]) => id !== "kept" && id !== "spilling");
        expect(delivered.reduce((sum, [, output]) => sum + output.delivered.records, 0)).toBe(extraLines);
        if (reloads >= 14) expect(extraLines).toBeGreaterThan(0);
        expect((await gate.stop()).code).toBe(0);
      } finally {
        await Promise.all(Object.values(receivers).map((receiver) => receiver.close()));
      }
    });
  });
}
