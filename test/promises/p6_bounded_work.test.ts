/** P6: a pattern whose replacement is quadratic costs a bounded number of matches; over it the record is withheld by both engines. */
import { describe, expect, it } from "vitest";
import { runCommand } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";

/** Each match of it on a run of capitals is one letter, after a search to the run's end: n² steps for n letters. */
const quadratic = ["--redact-pattern", ".*[^A-Z]|[A-Z]", "--replacement", "x"];

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`P6 on ${engine}${note}`, () => {
    const pipe = (args: readonly string[], input: string) =>
      runCommand(["pipe", "--engine", engine, "--stats", ...args], input);
    const told = (stderr: string) => JSON.parse(stderr.slice(stderr.indexOf("{"), stderr.lastIndexOf("}") + 1));

    it("withholds a megabyte of capitals under a quadratic pattern and goes on with the next record", async () => {
      // 2^30 / 2^20 = 1024 matches are allowed; the record has 2^20.
      const { status, stdout, stderr } = await pipe(quadratic, `${"A".repeat(2 ** 20)}\nABC\n`);
      expect(stdout.toString()).toBe("xxx\n");
      expect(status).toBe(3);
      expect(told(stderr).quarantined).toMatchObject({ records: 1, bytes: 2 ** 20 });
    });

    it("allows 2^30 ÷ record bytes matches of a pattern without an upper length, and not one more", async () => {
      // 32,768 matches in as many bytes are just allowed; 32,769 bytes allow 32,767. Each search ends at once.
      const args = ["--redact-pattern", "A+?", "--replacement", "x"];
      const { status, stdout, stderr } = await pipe(args, `${"A".repeat(32_768)}\n${"A".repeat(32_769)}\nAA\n`);
      expect(stdout.toString()).toBe(`${"x".repeat(32_768)}\nxx\n`);
      expect(status).toBe(3);
      expect(told(stderr).quarantined).toMatchObject({ records: 1, bytes: 32_769 });
    });

    it("sets no match limit where a match has an upper length", async () => {
      const { status, stdout } = await pipe(
        ["--redact-pattern", "A", "--replacement", "x"],
        `${"A".repeat(100_000)}\n`,
      );
      expect(status).toBe(0);
      expect(stdout.toString()).toBe(`${"x".repeat(100_000)}\n`);
    });

    it("finishes a record of 4 KiB under the quadratic pattern", async () => {
      const { status, stdout } = await pipe(quadratic, `${"A".repeat(4096)}\n`);
      expect(status).toBe(0);
      expect(stdout.toString()).toBe(`${"x".repeat(4096)}\n`);
    });

    it("withholds a record that would grow over four times its size and 64 KiB, to the byte", async () => {
      // n letters become 9 n bytes; 9 n <= 4 n + 65536 holds up to n = 13107.
      const grow = ["--redact-pattern", "a", "--replacement", "bbbbbbbbb"];
      const { status, stdout, stderr } = await pipe(grow, `${"a".repeat(13_107)}\n${"a".repeat(13_108)}\n`);
      expect(stdout.toString()).toBe(`${"b".repeat(9 * 13_107)}\n`);
      expect(status).toBe(3);
      expect(told(stderr).quarantined).toMatchObject({ records: 1, bytes: 13_108 });
    });
  });
}
