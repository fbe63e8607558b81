/** `pipe` as a process of its own: what goes in, what comes out, its statistics and its exit status, on both engines. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { engines } from "../../test/conformance/engines.ts";
import { mainFile } from "../../test/fixtures/requirement.ts";

const directory = mkdtempSync(join(tmpdir(), "streamgate-pipe-"));
afterAll(() => rmSync(directory, { recursive: true }));

function pipe(args: readonly string[]) {
  const child = spawn(process.execPath, [mainFile, "pipe", ...args]);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => out.push(part));
  child.stderr.on("data", (part: Buffer) => err.push(part));
  child.stdin.on("error", () => {});
  const done = new Promise<{ status: number | null; out: Buffer; err: string }>((resolve) => {
    child.on("close", (status) => resolve({ status, out: Buffer.concat(out), err: Buffer.concat(err).toString() }));
  });
  return { child, done };
}

function run(args: readonly string[], input: string | Buffer) {
  const { child, done } = pipe(args);
  child.stdin.end(input);
  return done;
}

function rulesFile(name: string, value: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

for (const kind of engines()) {
  const engine = ["--engine", kind.name];
  describe(`pipe on ${kind.name}`, () => {
    it("drops and redacts, in order, and counts what it did", async () => {
      const flags = ["--drop", "DEBUG", "--redact-pattern", "\\d{3}-\\d{2}", "--replacement", "XXX", "--stats"];
      const { status, out, err } = await run([...engine, ...flags], "a\nDEBUG b\n123-45 678-90\nlast");
      expect([status, out.toString()]).toEqual([0, "a\nXXX XXX\nlast\n"]);
      expect(JSON.parse(err)).toEqual({
        engine: kind.name,
        in: { records: 4, bytes: 25 },
        out: { records: 3, bytes: 12 },
        dropped: { drop_1: { records: 1, bytes: 7 } },
        redacted: { redact_1: { records: 1, replacements: 2 } },
        quarantined: { records: 0, bytes: 0 },
        lost: { oversize: { records: 0, bytes: 0 }, frame: { records: 0, bytes: 0 }, closed: { records: 0, bytes: 0 } },
      });
    });

    it("takes rules from a list and from a manifest, before those of flags", async () => {
      const rules = [{ id: "r", type: "redact", params: { pattern: "a", replacement: "b" } }];
      const list = rulesFile("list.json", rules);
      const manifest = rulesFile("manifest.json", { version: "1", pipelines: [{ processors: rules }] });
      for (const file of [list, manifest]) {
        const { out } = await run([...engine, "--rules", file, "--drop", "bb"], "aa\nac\n");
        expect(out.toString()).toBe("bc\n");
      }
    });

    it("passes any bytes, NULs and broken UTF-8 included", async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10));
      const { out } = await run(engine, Buffer.concat([bytes, Buffer.from("\n")]));
      expect(out.equals(Buffer.concat([bytes, Buffer.from("\n")]))).toBe(true);
    });

    it("answers a line as soon as it is written, while its input stays open", async () => {
      const { child, done } = pipe(engine);
      const first = new Promise((resolve) => child.stdout.once("data", (part: Buffer) => resolve(part.toString())));
      child.stdin.write("one\n");
      expect(await first).toBe("one\n");
      child.stdin.end();
      expect((await done).status).toBe(0);
    });

    it("ends quietly when nobody reads its output any more", async () => {
      const { child, done } = pipe(engine);
      child.stdout.once("data", () => child.stdout.destroy());
      const line = Buffer.from("x".repeat(99).concat("\n").repeat(10_000));
      child.stdin.write(line);
      const more = setInterval(() => child.stdin.write(line), 5);
      child.stdin.on("error", () => clearInterval(more));
      const { status, err } = await done;
      clearInterval(more);
      expect([status, err]).toEqual([0, ""]);
    });

    it("withholds a record that a rule cannot finish, and exits with 3", async () => {
      const flags = ["--redact-pattern", "a", "--replacement", "x".repeat(1000), "--stats"];
      const { status, out, err } = await run([...engine, ...flags], `${"a".repeat(1000)}\n`);
      expect([status, out.length]).toEqual([3, 0]);
      expect(JSON.parse(err).quarantined).toEqual({ records: 1, bytes: 1000 });
    });

    it("writes records that outgrow its batch", async () => {
      const large = "y".repeat(900_000);
      const rules = [{ id: "r", type: "redact", params: { pattern: "^y", replacement: "z".repeat(300_000) } }];
      const { out } = await run([...engine, "--rules", rulesFile("large.json", rules)], `${large}\nb\n`);
      expect(out.length).toBe(900_000 - 1 + 300_000 + 1 + 2);
    });

    it("refuses rules before it writes anything: exit 1, the place and RE2's words on standard error", async () => {
      const bad = [{ id: "ssn", type: "redact", params: { pattern: "[0-9", replacement: "" } }];
      const { status, out, err } = await run([...engine, "--rules", rulesFile("bad.json", bad)], "a\n");
      expect([status, out.length]).toEqual([1, 0]);
      expect(err).toMatch(/rules\[0\].*ssn.*params\.pattern.*missing \]: \[0-9/);
      const flag = await run([...engine, "--redact-pattern", "(?=a)"], "a\n");
      expect([flag.status, flag.out.length]).toEqual([1, 0]);
      expect(flag.err).toContain("--redact-pattern: RE2 refuses it: invalid perl operator: (?=");
      const noJson = await run([...engine, "--rules", rulesFile("no.json", "{secret")], "a\n");
      expect([noJson.status, noJson.err.includes("secret")]).toEqual([1, false]);
    });
  });
}
