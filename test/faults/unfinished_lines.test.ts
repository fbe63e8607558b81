/**
 * A thousand connections that each begin a long line and do not end it: memory keeps to MEMORY_BUDGET, the lines of others flow on, and
 * when the long ones end at last, all of them arrive whole.
 */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines, requirement } from "../fixtures/requirement.ts";
import { connectTcp, write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

const MiB = 1024 * 1024;
const lineBytes = MiB - 1;
/**
 * The budget is little more than two workers need at the least, and the lines together exceed it. Sockets that `net` reads hold up to
 * two chunks of 64 KiB each before anybody can refuse them (docs/overload.md), so the portable engine has fewer.
 */
const cases = {
  native: { connections: 1000, memoryBudget: 320 * MiB },
  portable: { connections: 600, memoryBudget: 512 * MiB },
};
const linux = requirement(process.platform === "linux" ? undefined : "it reads /proc");

/** The most memory that was ever resident. */
function residentBytesMost(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) * 1024;
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip || linux.skip)(`unfinished lines on ${engine}${note}${linux.note}`, () => {
    it("stay within MEMORY_BUDGET while others flow on, and arrive whole in the end", async () => {
      const { connections, memoryBudget } = cases[engine];
      const gate = await Gate.start({ engine, env: { MEMORY_BUDGET: String(memoryBudget), RING_BYTES: "4MiB" } });
      const filler = Buffer.alloc(lineBytes, "-");
      const sockets: Socket[] = [];
      for (let i = 0; i < connections; i++) {
        const socket = await connectTcp(gate.tcpPort);
        sockets.push(socket);
        const prefix = `${i} `;
        socket.write(prefix);
        socket.write(filler.subarray(prefix.length));
      }
      // Until nobody can send any more: what the gate takes is taken.
      const sent = () =>
        sockets.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0);
      for (let before = -1; before !== sent(); await sleep(500)) before = sent();
      expect(gate.stderr).toContain("held back");

      const healthy = await connectTcp(gate.tcpPort);
      const other = await connectTcp(gate.tcpPort);
      for (let turn = 0; turn < 100; turn++) {
        await write(healthy, `healthy ${turn}\n`.repeat(10));
        await write(other, `other ${turn}\n`.repeat(10));
      }
      await gate.waitForLines(2000);
      expect(new Set(gate.lines().map((line) => line.split(" ")[0]))).toEqual(new Set(["healthy", "other"]));
      expect(residentBytesMost(gate.child.pid!)).toBeLessThan(memoryBudget);

      for (const socket of sockets) socket.end("\n");
      await until("all lines are there", () => gate.lineCount === 2000 + connections, 60_000);
      expect(residentBytesMost(gate.child.pid!)).toBeLessThan(memoryBudget);
      const seen = new Set<number>();
      const bytes = gate.stdout;
      for (let at = 0; at < bytes.length; ) {
        const end = bytes.indexOf(10, at);
        const first = bytes[at]!;
        if (first >= 0x30 && first <= 0x39) {
          seen.add(Number.parseInt(bytes.subarray(at, at + 8).toString("latin1"), 10));
          expect(end - at).toBe(lineBytes);
        }
        at = end + 1;
      }
      expect(seen.size).toBe(connections);
    });
  });
}
