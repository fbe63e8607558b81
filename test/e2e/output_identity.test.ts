/** Whose records a spool holds: an output's that has no id is found by where it sends to, and nobody else ever gets them. */
import { afterEach, describe, expect, it } from "vitest";
import { type Status, statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";

afterEach(disposeGates);

const held = ({ queued, spooled }: Status): number => queued.records + spooled.records;

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`outputs without an id on ${engine}${note}`, () => {
    it("never get what another destination's spool holds; the one they were for gets it when it is back", async () => {
      const [first, second] = [await Sink.start(), await Sink.start()];
      first.status = 503;
      const outputTo = (sink: Sink, token: string) => ({
        type: "http",
        url: sink.url,
        headers: { authorization: token },
        queue: { durable: true },
        retry: { max_delay_ms: 200 },
      });
      const gate = await Gate.start({ engine });
      const { output } = await gate.ok("POST", "/outputs", outputTo(first, "wrong"));
      await gate.publish();
      await gate.send(Array.from({ length: 500 }, (_, n) => `first ${n}\n`).join(""));
      await statusAtRest(gate, "they wait", ({ outputs }) => outputs[output.id].spooled.records === 500);
      await gate.ok("DELETE", `/outputs/${output.id}`);
      const { output: other } = await gate.ok("POST", "/outputs", outputTo(second, "b"));
      expect(other.id).not.toBe(output.id);
      await gate.publish();
      await gate.send(Array.from({ length: 500 }, (_, n) => `second ${n}\n`).join(""));
      await statusAtRest(gate, "the second has its own", ({ outputs }) => held(outputs[other.id]) === 0);
      expect((await gate.stop()).code).toBe(0);

      const again = await Gate.start({ engine, dataDir: gate.dataDir });
      await again.send("second 500\n");
      await statusAtRest(again, "the second has the next", ({ outputs }) => outputs[other.id].delivered.records === 1);
      expect(second.lines().filter((line) => !line.startsWith("second "))).toEqual([]);
      expect(second.lines().length).toBe(501);
      // The same destination, its token mended.
      first.status = 200;
      const { output: mended } = await again.ok("POST", "/outputs", outputTo(first, "right"));
      expect(mended.id).toBe(output.id);
      await again.publish();
      const { outputs } = await statusAtRest(
        again,
        "all is delivered",
        ({ outputs }) => held(outputs[mended.id]) === 0,
      );
      expect(outputs[mended.id].recovered.records).toBe(500);
      expect(first.lines().toSorted()).toEqual(Array.from({ length: 500 }, (_, n) => `first ${n}`).toSorted());
      expect(first.taken.every(({ headers }) => headers.authorization === "right")).toBe(true);
      await again.stop();
      await Promise.all([first.close(), second.close()]);
    });
  });
}
