/** SHARD_BY in the program as users start it, by flag and by variable: the order per key on standard output. */
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";

afterEach(disposeGates);

const senders = ["a", "b", "c", "d"];
const hosts = 7;
const linesPerSender = 2000;
const line = (from: string, n: number) => `<13>1 - host${n % hosts} ${from} - - - ${n}`;
const linesOf = new Map(senders.map((from) => [from, Array.from({ length: linesPerSender }, (_, n) => line(from, n))]));
/** Lines by host and sender, in order. */
const grouped = (lines: readonly string[]) =>
  Object.fromEntries(Map.groupBy(lines, (text) => text.split(" ", 4).slice(2).join(" ")));
const expected = grouped([...linesOf.values()].flat());

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`sharding on ${engine}${note}`, () => {
    it.each([
      ["1", { args: ["--shard-by", "syslog.host"] }],
      ["3", { args: ["--shard-by", "syslog.host"] }],
      ["4", { env: { SHARD_BY: "syslog.host" } }],
    ])("keeps the order per key on standard output with %s workers", async (workers, given) => {
      const gate = await Gate.start({
        engine,
        ...given,
        env: { STREAMGATE_WORKERS: workers, ...("env" in given && given.env) },
      });
      await Promise.all([...linesOf.values()].map((lines) => gate.send(`${lines.join("\n")}\n`)));
      expect((await gate.stop()).code).toBe(0);
      expect(grouped(gate.lines())).toEqual(expected);
    });
  });
}
