/** The `file` output through the gate: whole records of several workers, rotation, a filter, settings that a reload changes; all accounted for. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Status, statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { expectInOrder, numberedLines } from "../fixtures/lines.ts";
import { engines } from "../fixtures/requirement.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "streamgate-file-"));
});
afterEach(async () => {
  await disposeGates();
  rmSync(folder, { recursive: true, force: true });
});

const count = 5000;

/** Lines of what was rotated away from `name`, oldest first, and of the file itself. */
function linesOf(name: string): string[] {
  // `<name>.<time>[-<n>][.gz]`, of one time the one without a number first.
  const rotated = readdirSync(folder).flatMap((file) => {
    const [, time, n = "0"] = /^\.(\w+Z)(?:-(\d+))?/.exec(file.slice(name.length)) ?? [];
    return file.startsWith(name) && time !== undefined ? [{ file, order: `${time}${n.padStart(8, "0")}` }] : [];
  });
  const files = rotated.toSorted((a, b) => (a.order < b.order ? -1 : 1)).map(({ file }) => file);
  return [...files, name].flatMap((file) => {
    const bytes = readFileSync(join(folder, file));
    return (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1").split("\n").slice(0, -1);
  });
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`the file output on ${engine}${note}`, () => {
    it("writes whole records of all workers in the order of each connection, rotates, and keeps to its filter", async () => {
      const gate = await Gate.start({ engine });
      const path = join(folder, "all.log");
      const rotate = { max_bytes: 100_000, keep: 0 };
      const file = { type: "file", id: "all", path, rotate, compress_rotated: "gzip" };
      await gate.ok("POST", "/outputs", file);
      await gate.ok("POST", "/outputs", {
        type: "file",
        id: "odd",
        path: join(folder, "odd.log"),
        filter: { pattern: "^t\\d \\d*[13579] " },
      });
      await gate.publish();
      const tags = ["t0", "t1", "t2", "t3"];
      await Promise.all(tags.map((tag) => gate.send(numberedLines(tag, count))));
      // A reload in between: the writer stays, its file too.
      await gate.ok("PUT", "/outputs/all", { ...file, rotate: { ...rotate, max_bytes: 50_000 } });
      await gate.publish();
      await gate.send(numberedLines("t4", count));
      const total = (tags.length + 1) * count;
      const { outputs, streams } = await statusAtRest(
        gate,
        "all is written",
        ({ streams }: Status) => streams.written.records === total + total / 2,
      );
      expect(outputs.all.delivered.records).toBe(total);
      expect(outputs.odd).toMatchObject({ delivered: { records: total / 2 }, filtered: { records: total / 2 } });
      expect(streams.lost_closed.records).toBe(0);
      expect((await gate.stop()).code).toBe(0);
      const lines = linesOf("all.log");
      expect(lines.length).toBe(total);
      for (const tag of [...tags, "t4"]) expectInOrder(lines, tag, count);
      // The writer's thread goes on while a new file is made ready: how many there are, is not for a test to say.
      expect(readdirSync(folder).filter((name) => name.startsWith("all.log.")).length).toBeGreaterThan(0);
      const odd = linesOf("odd.log");
      expect(odd.length).toBe(total / 2);
      expect(odd.every((line) => /^t\d \d*[13579] /.test(line))).toBe(true);
    });

    it("accounts for what a removed file output wrote, and goes on behind it when it comes back", async () => {
      const gate = await Gate.start({ engine });
      const file = { type: "file", id: "kept", path: join(folder, "kept.log") };
      await gate.ok("POST", "/outputs", file);
      await gate.publish();
      await gate.send(numberedLines("t0", count));
      await gate.ok("DELETE", "/outputs/kept");
      await gate.publish();
      await gate.send(numberedLines("t1", 1)); // To the console.
      await gate.ok("POST", "/outputs", file);
      await gate.publish();
      await gate.send(numberedLines("t2", count));
      const status = await statusAtRest(
        gate,
        "all is written",
        ({ streams }: Status) => streams.written.records === 2 * count + 1,
      );
      expect(status.streams.lost_closed.records).toBe(0);
      expect((await gate.stop()).code).toBe(0);
      expect(gate.lineCount).toBe(1);
      const lines = linesOf("kept.log");
      expect(lines.length).toBe(2 * count);
      for (const tag of ["t0", "t2"]) expectInOrder(lines, tag, count);
    });
  });
}
