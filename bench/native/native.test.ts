/** The bench's C programs: what they count is what the table says, so they are tested like anything else. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { freePort } from "../measure/launched.ts";
import { runProgram, type Sent, startSink, type Verdict } from "../measure/native_run.ts";
import { countOf } from "../measure/statistics.ts";
import { compileNative } from "../programs.ts";

const canCompile = process.platform === "linux" && spawnSync("cc", ["--version"]).status === 0;

describe.runIf(canCompile)("the programs of bench/native", () => {
  const folder = mkdtempSync(join(tmpdir(), "streamgate-bench-native-"));
  const programs = canCompile ? compileNative(folder) : undefined!;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  describe("judge lines", () => {
    const expected = file("expected", "a\nb\n\nb\n");
    const judge = (output: string, sent: number, planted = "-") =>
      runProgram<Verdict>(programs.judge, ["lines", file("output", output), expected, sent, planted]);

    it("accepts the right lines in any order", async () => {
      expect(await judge("b\na\nb\n", 4)).toEqual({ lines: 3, lost: 0, doubled: 0, altered: 0, leaked: 0 });
    });

    it("knows the corpus sent again, and a part of it", async () => {
      expect(await judge("a\nb\nb\na\nb\nb\na\nb\n", 10)).toMatchObject({ lost: 0, doubled: 0, altered: 0 });
    });

    it("tells lost from doubled and altered lines", async () => {
      expect(await judge("a\na\nb\nab\n", 4)).toEqual({ lines: 4, lost: 1, doubled: 1, altered: 1, leaked: 0 });
    });

    it("counts nothing in an empty output as kept", async () => {
      expect(await judge("", 4)).toMatchObject({ lines: 0, lost: 3 });
    });

    it("finds planted values wherever a word begins, also in a line that is not compared", async () => {
      const planted = file("planted", "123-45-6789\n4000 1234 5678 9010\n(212) 555-1234\n");
      const text = '{"m":"x 123-45-6789."}\nv=4000 1234 5678 9010;\nv=(212) 555-1234\nv=9123-45-6789\n';
      expect((await judge(text, 4, planted)).leaked).toBe(3);
    });
  });

  it("judge marked counts records that are wrapped", async () => {
    const output = file("wrapped", '[{"m":"a"},{"m":"b"}]');
    expect(await runProgram(programs.judge, ["marked", output, '{"m":', 3, "-"])).toMatchObject({ lines: 2, lost: 1 });
  });

  it("judge sequence finds the numbers that are missing and those that came twice", async () => {
    const output = file("numbers", "seq=000000000 \nseq=000000002 \nseq=000000002 \nseq=000000009 \n");
    expect(await runProgram(programs.judge, ["sequence", output, 4])).toEqual({
      ...{ lines: 4, lost: 2, doubled: 1, altered: 1, leaked: 0 },
    });
  });

  describe("sender and sink", () => {
    const corpus = file("corpus", Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join(""));

    async function received(
      connections: number,
      ...options: (string | number)[]
    ): Promise<{ text: string; sent: Sent }> {
      let text = "";
      let ended = 0;
      const server = createServer((socket) => {
        let own = "";
        socket.on("data", (chunk) => {
          own += chunk;
        });
        socket.on("end", () => {
          text += own;
          ended++;
        });
      }).listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const { port } = server.address() as { port: number };
      const sent = await runProgram<Sent>(programs.sender, [port, corpus, connections, ...options]);
      // Not before: a server that is closed drops the connections that it has not accepted yet.
      await expect.poll(() => ended, { timeout: 10_000 }).toBe(connections);
      await new Promise((resolve) => server.close(resolve));
      return { text, sent };
    }

    it.each([1, 3, 150])("sends every line once a repetition over %d connections", async (connections) => {
      const { text, sent } = await received(connections, "--repeat", 3);
      const lines = text.split("\n").slice(0, -1).toSorted();
      const wanted = readFileSync(corpus, "utf8").split("\n").slice(0, -1);
      expect(lines).toEqual([...wanted, ...wanted, ...wanted].toSorted());
      expect(sent.lines).toBe(300);
    });

    it("sends what its schedule asks for, round and round", async () => {
      const { text, sent } = await received(4, "--rate", 1000, "--lines-per-write", 5, "--seconds", 0.25);
      expect(sent.lines).toBe(250);
      expect(text.split("\n").length - 1).toBe(250);
    });

    it("leave the first writes untimed where asked to", async () => {
      const { text } = await received(
        1,
        ...["--rate", 1000, "--lines-per-write", 1, "--seconds", 0.005, "--stamp", "--unstamped-writes", 2],
      );
      expect(text).toMatch(/^line 0\nline 1\n(~[a-p]{16} line \d+\n){3}$/);
    });

    it("time a line from when it was due", async () => {
      const fifo = join(folder, "fifo");
      execFileSync("mkfifo", [fifo]);
      const port = await freePort();
      const sink = await startSink(programs.sink, port, ["--fifo", fifo]);
      try {
        const { text } = await received(1, "--rate", 1000, "--lines-per-write", 1, "--seconds", 0.05, "--stamp");
        expect(text).toMatch(/^(~[a-p]{16} line \d+\n){50}$/);
        const heldBackMs = 100;
        await new Promise((resolve) => setTimeout(resolve, heldBackMs));
        writeFileSync(fifo, text);
        await expect.poll(async () => (await sink.stats()).lines).toBe(50);
        const { histogram } = await sink.stats();
        expect(countOf(histogram)).toBe(50);
        // The last line was due just before it was held back; bucket bounds are at most 1/32 too low.
        expect(histogram[0]![0]).toBeGreaterThan(heldBackMs * 1e6 * (31 / 32));
      } finally {
        sink.stop();
      }
    });

    it("count and keep what is POSTed", async () => {
      const port = await freePort();
      const stored = join(folder, "stored");
      const sink = await startSink(programs.sink, port, ["--store", stored]);
      try {
        const post = (body: string) => fetch(`http://127.0.0.1:${port}/logs`, { method: "POST", body });
        for (const body of ["a\nb", "c\n", "x".repeat(700_000)]) expect((await post(body)).status).toBe(200);
        expect(await sink.stats()).toMatchObject({ requests: 3, lines: 4, bytes: 700_005 });
        expect(readFileSync(stored, "utf8")).toBe(`a\nb\nc\n${"x".repeat(700_000)}\n`);
      } finally {
        sink.stop();
      }
    });
  });
});
