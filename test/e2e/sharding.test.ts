/** SHARD_BY in the program as users start it, by flag and by variable: the order per key on standard output. */
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";

afterEach(disposeGates);

const senders = ["a", "b", "c", "d"];
const lines = (from: string) => Array.from({ length: 4000 }, (_, n) => `<13>1 - host${n % 7} ${from} - - - ${n}`);
const ofHost = (all: readonly string[], from: string, host: number) =>
  all.filter((line) => line.startsWith(`<13>1 - host${host} ${from} `));

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
      await Promise.all(senders.map((from) => gate.send(`${lines(from).join("\n")}\n`)));
      expect((await gate.stop()).code).toBe(0);
      const out = gate.lines();
      expect(out.toSorted()).toEqual(senders.flatMap(lines).toSorted());
      for (const from of senders)
        for (let host = 0; host < 7; host++) expect(ofHost(out, from, host)).toEqual(ofHost(lines(from), from, host));
    });
  });
}
