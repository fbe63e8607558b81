/** `streamgate spool …` and `streamgate dead-letter …` on an instance that runs, writes and sends meanwhile. */
import { afterEach, describe, expect, it } from "vitest";
import { type Status, statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";

afterEach(disposeGates);

const count = 1000;
const recordsOf = (tag: string) => Array.from({ length: count }, (_, n) => `${tag} ${n} ssn 123-45-6789`);
const held = ({ queued, spooled }: Status): number => queued.records + spooled.records;

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`the spool's commands beside a running instance on ${engine}${note}`, () => {
    it("shows and exports what waits, refuses to repair it, and sends dead letters again under the rules that run", async () => {
      const [down, refusing] = [await Sink.start(), await Sink.start()];
      down.status = 503;
      refusing.status = 400;
      const gate = await Gate.start({ engine });
      const streamgate = async (...args: string[]) => {
        const { status, stdout, stderr } = await runCommand([...args, "--data-dir", gate.dataDir]);
        return { status, stderr, stdout: stdout.toString() };
      };
      const rows = async (...args: string[]) => JSON.parse((await streamgate(...args, "--json")).stdout);
      const recordsIn = (lanes: Status[]) => lanes.reduce((sum, { records }) => sum + records, 0);
      const add = (id: string, url: string, fields = {}) =>
        gate.ok("POST", "/outputs", { type: "http", id, url, filter: { value: `${id} ` }, ...fields });
      await add("waiting", down.url, { queue: { durable: true }, retry: { max_delay_ms: 200 } });
      await add("refused", refusing.url);
      await gate.publish();
      for (const tag of ["waiting", "refused"]) await gate.send(`${recordsOf(tag).join("\n")}\n`);
      await statusAtRest(
        gate,
        "one waits on disk, the other is refused",
        ({ outputs }) => outputs.waiting.spooled.records === count && outputs.refused.dead_lettered.records === count,
      );

      const lanes = await rows("spool", "ls", "waiting");
      expect(recordsIn(lanes)).toBe(count);
      // Side by side, as people do.
      const [inspected, verified, exported, repair] = await Promise.all(
        ["inspect", "verify", "export", "repair"].map((command) => streamgate("spool", command, "waiting")),
      );
      expect(inspected!.stdout).toContain("records");
      expect(inspected!.stdout).not.toContain("ssn");
      expect(verified!.status).toBe(0);
      expect(exported!.stdout.split("\n").slice(0, -1).toSorted()).toEqual(recordsOf("waiting").toSorted());
      expect(repair!.status).toBe(1);
      expect(repair!.stderr).toContain(String(gate.child.pid));

      expect(recordsIn(await rows("dead-letter", "ls"))).toBe(count);
      const letters = (await streamgate("dead-letter", "export", "refused", "--json")).stdout.split("\n").slice(0, -1);
      expect(letters.length).toBe(count);
      for (const letter of letters) expect(JSON.parse(letter).reason).toBe("HTTP 400");

      await gate.addRule("ssn", "redact", { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" });
      await gate.publish();
      refusing.status = 200;
      expect(await streamgate("dead-letter", "retry", "refused")).toMatchObject({ status: 0 });
      const { outputs } = await statusAtRest(
        gate,
        "the dead letters are sent",
        ({ outputs }) => outputs.refused.delivered.records === count,
      );
      expect(outputs.refused.recovered.records).toBe(count);
      const sent = recordsOf("refused").map((record) => record.replace(/\d{3}-\d{2}-\d{4}/, "XXX-XX-XXXX"));
      expect(refusing.lines().toSorted()).toEqual(sent.toSorted());
      expect(recordsIn(await rows("dead-letter", "ls"))).toBe(0);

      down.status = 200;
      await statusAtRest(gate, "nothing waits", ({ outputs }) => held(outputs.waiting) === 0);
      expect(down.lines().length).toBe(count);
      expect(down.lines().filter((line) => line.includes("123-45-6789"))).toEqual([]);
      expect(refusing.lines().length).toBe(count);
      expect((await gate.stop()).code).toBe(0);
      expect(recordsIn(await rows("spool", "ls"))).toBe(0);
      await Promise.all([down.close(), refusing.close()]);
    });
  });
}
