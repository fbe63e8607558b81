/** `streamgate pipe`: standard input → engine → standard output, on both engines. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { environment, runCommand, runShell } from "../fixtures/gate.ts";
import { engines, mainFile, nodeFile, requirement } from "../fixtures/requirement.ts";
import { until } from "../fixtures/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "streamgate-pipe-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rulesFile(rules: unknown): string {
  const path = join(folder, `rules-${Math.random().toString(36).slice(2)}.json`);
  writeFileSync(path, JSON.stringify(rules));
  return path;
}

/** The JSON that `--stats` writes, wherever on stderr it stands. */
function stats(stderr: string) {
  const start = stderr.indexOf("{");
  return JSON.parse(stderr.slice(start, stderr.lastIndexOf("}") + 1));
}

const dropDebug = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
const redactSsn = {
  id: "redact_ssn",
  type: "redact",
  params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" },
};

for (const { engine, skip, note } of engines) {
  const pipe = (args: readonly string[], input: string | Uint8Array) =>
    runCommand(["pipe", "--engine", engine, ...args], input);

  describe.skipIf(skip)(`pipe on ${engine}${note}`, () => {
    it("drops and redacts by flags and keeps the order of what is left", async () => {
      const { status, stdout, stderr } = await pipe(
        ["--drop", "DEBUG", "--redact-pattern", "\\d{3}-\\d{2}-\\d{4}", "--replacement", "XXX-XX-XXXX"],
        "INFO one\nDEBUG two\nSSN: 123-45-6789, 987-65-4321\nINFO three\n",
      );
      expect(stderr).toBe("");
      expect(stdout.toString()).toBe("INFO one\nSSN: XXX-XX-XXXX, XXX-XX-XXXX\nINFO three\n");
      expect(status).toBe(0);
    });

    it("pairs each --redact-pattern with the --replacement at its place", async () => {
      const flags = [
        "--redact-pattern",
        "a+",
        "--replacement",
        "<\\0>",
        "--redact-pattern",
        "(b)(c)",
        "--replacement",
        "\\2\\1$1",
      ];
      const { stdout } = await pipe(flags, "xaay bc\n");
      expect(stdout.toString()).toBe("x<aa>y cb$1\n");
    });

    it("takes a JSON list of rules or a whole manifest from a file", async () => {
      const input = "DEBUG a\nSSN: 123-45-6789\n";
      const list = await pipe(["--rules", rulesFile([dropDebug, redactSsn])], input);
      const pipelines = [
        { name: "default_pipeline", processors: [dropDebug, redactSsn], outputs: [], batch_size: 100 },
      ];
      const manifest = await pipe(["--rules", rulesFile({ version: "1.0", timestamp: "0", pipelines })], input);
      expect(list.stdout.toString()).toBe("SSN: XXX-XX-XXXX\n");
      expect(manifest.stdout.toString()).toBe("SSN: XXX-XX-XXXX\n");
    });

    it("passes every byte value, NUL and broken UTF-8 included, unchanged", async () => {
      const every = Buffer.from(
        Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10 && byte !== 13),
      );
      const input = Buffer.concat([every, Buffer.from("\n"), every.toReversed(), Buffer.from("\n")]);
      const { stdout } = await pipe(["--drop", "not in it"], input);
      expect(stdout.equals(input)).toBe(true);
    });

    it("takes CR LF and a last line without newline; empty lines are no records", async () => {
      const { stdout } = await pipe([], "one\r\n\n\r\ntwo\rstill two\nlast");
      expect(stdout.toString()).toBe("one\ntwo\rstill two\nlast\n");
    });

    it("drops as many of many numbers as grep does", async () => {
      const lines = process.env.STREAMGATE_TEST_LINES ?? "200000"; // 5000000 is what the closing measurement uses.
      const { stdout } = await runShell(
        `seq 1 ${lines} | streamgate pipe --engine ${engine} --drop 7 | md5sum; seq 1 ${lines} | grep -v 7 | md5sum`,
      );
      const [ours, grep] = stdout.toString().trim().split("\n");
      expect(ours).toBe(grep);
    });

    it("ends quietly when what reads its output ends", async () => {
      const { stdout, stderr } = await runShell(
        `seq 1 3000000 | streamgate pipe --engine ${engine} --drop 7 | head -1; echo "\${PIPESTATUS[1]}"`,
      );
      expect(stdout.toString()).toBe("1\n0\n");
      expect(stderr).toBe("");
    });

    it("accounts for every record and byte with --stats", async () => {
      const input = "DEBUG one\nSSN: 123-45-6789 123-45-6789\nplain\n";
      const result = await pipe(["--rules", rulesFile([dropDebug, redactSsn]), "--stats"], input);
      const told = stats(result.stderr);
      expect(told.engine).toContain(engine);
      expect(told.in).toEqual({ records: 3, bytes: input.length - 3 });
      expect(told.out).toMatchObject({ records: 2 });
      expect(told.dropped.drop_debug).toMatchObject({ records: 1, bytes: 9 });
      expect(told.redacted.redact_ssn).toMatchObject({ records: 1, replacements: 2 });
      expect(told.quarantined).toMatchObject({ records: 0, bytes: 0 });
    });

    it("appears at once when a line is typed by hand", async () => {
      const child = spawn(nodeFile, [mainFile, "pipe", "--engine", engine], {
        env: environment(),
        stdio: ["pipe", "pipe", "inherit"],
      });
      let out = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        out += text;
      });
      child.stdin.write("first\n");
      await until("the first line comes out", () => out === "first\n");
      child.stdin.write("second\n");
      await until("the second line comes out", () => out === "first\nsecond\n");
      child.stdin.end();
      expect((await once(child, "close"))[0]).toBe(0);
    });

    it("refuses a bad pattern with RE2's words, exit 1 and nothing on standard output", async () => {
      const rules = rulesFile([
        dropDebug,
        { id: "bad", type: "redact", params: { pattern: "[0-9", replacement: "x" } },
      ]);
      const { status, stdout, stderr } = await pipe(["--rules", rules], "123\n");
      expect(status).toBe(1);
      expect(stdout.length).toBe(0);
      expect(stderr).toMatch(/missing (closing )?\]: \[0-9/); // RE2 releases differ in one word.
      expect(stderr).toContain("bad");
      expect(stderr).toContain("pattern");
    });

    it.each([
      ["an unknown rule type", [{ id: "x", type: "no_such_rule", params: {} }], "no_such_rule"],
      ["\\C, which one engine could not run", [{ id: "x", type: "filter", params: { pattern: "a\\Cb" } }], "\\C"],
      [
        "a rewrite with a group too many",
        [{ id: "x", type: "redact", params: { pattern: "(a)", replacement: "\\2" } }],
        "replacement",
      ],
      ["a filter that says nothing", [{ id: "x", type: "filter", params: {} }], "value"],
      ["two rules of one id", [dropDebug, dropDebug], "drop_debug"],
    ])("refuses %s and names the place", async (_name, rules, word) => {
      const { status, stdout, stderr } = await pipe(["--rules", rulesFile(rules)], "a\n");
      expect(status).toBe(1);
      expect(stdout.length).toBe(0);
      expect(stderr).toContain(word);
    });

    it("says which file it cannot read", async () => {
      const { status, stderr } = await pipe(["--rules", join(folder, "absent.json")], "a\n");
      expect(status).toBe(1);
      expect(stderr).toContain("absent.json");
    });

    it("frames by octet counts and by NUL when told to", async () => {
      const octet = await pipe(["--framing", "octet"], "3 abc5 <1>x\n");
      expect(octet.stdout.toString()).toBe("abc\n<1>x\n\n");
      const nul = await pipe(["--framing", "nul"], "one\0two\0");
      expect(nul.stdout.toString()).toBe("one\ntwo\n");
    });

    it.skipIf(process.platform !== "linux")("streams large input with flat memory", async () => {
      // 256 MB of 200-byte lines; a program that gathered its input or output would pass the bound many times over.
      const child = spawn(
        "bash",
        [
          "-c",
          `yes "$(printf 'x%.0s' {1..199})" | head -c 256000000 | exec "${nodeFile}" "${mainFile}" pipe --engine ${engine} --drop 7 | wc -c; true`,
        ],
        { env: environment(), stdio: ["ignore", "pipe", "inherit"] },
      );
      let out = "";
      let peakKib = 0;
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        out += text;
      });
      const sampler = setInterval(() => {
        peakKib = Math.max(peakKib, peakOfDescendant(child.pid!));
      }, 50);
      await once(child, "close");
      clearInterval(sampler);
      expect(Number(out)).toBe(256_000_000);
      expect(peakKib).toBeGreaterThan(0);
      expect(peakKib).toBeLessThan(220 * 1024);
    });
  });
}

/** VmHWM in KiB of the `pipe` process below `pid`; 0 where none is seen. */
function peakOfDescendant(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    return Math.max(
      0,
      ...children.map((child) => {
        const arguments_ = readFileSync(`/proc/${child}/cmdline`, "utf8");
        if (!arguments_.includes(mainFile)) return 0;
        return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child}/status`, "utf8"))?.[1] ?? 0);
      }),
    );
  } catch {
    return 0; // It ended between two looks.
  }
}

describe("pipe without a preference", () => {
  const nativeIsMissing = requirement(engines[0]?.note === "" ? undefined : "the native engine does not load");
  it.skipIf(nativeIsMissing.skip)(`runs on the native engine${nativeIsMissing.note}`, async () => {
    const { stderr } = await runCommand(["pipe", "--stats"], "a\n");
    expect(stats(stderr).engine).toContain("native");
  });

  it("refuses an engine that does not exist", async () => {
    const { status, stderr } = await runCommand(["pipe", "--engine", "warp"], "a\n");
    expect(status).not.toBe(0);
    expect(stderr).toContain("warp");
    expect(stderr).toContain("portable");
  });
});
