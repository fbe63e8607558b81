/** P4: under load every line meets one whole manifest, the old or the new; none is lost, doubled, or treated by half of each. */
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";
import { write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

const connections = 4;
/** Lines that have to go out on each connection between two publishes. */
const linesPerPublish = 2_000;
const publishes = 8;

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
  });
}
