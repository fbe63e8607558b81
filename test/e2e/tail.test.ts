/**
 * People who look on, on both engines: `GET /tail` and `streamgate tail` show what passes after redaction, by rule and by output, and never a
 * value that a detector finds; bounded, and nothing while nobody looks on.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { detectors } from "../../src/detectors/index.ts";
import { disposeGates, environment, Gate, runCommand } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { engines, mainFile, nodeFile } from "../fixtures/requirement.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

interface TailLine {
  readonly kind: string;
  readonly text?: string;
  readonly records?: number;
  readonly shown?: number;
}

/** Looks on, and keeps sending `lines` over and over, until `enough` of the lines that come. */
async function lookOn(
  gate: Gate,
  query: string,
  lines: readonly string[],
  enough: (seen: readonly TailLine[]) => boolean,
): Promise<readonly TailLine[]> {
  const abort = new AbortController();
  const response = await fetch(`${gate.url}/tail${query}`, { signal: abort.signal });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  const seen: TailLine[] = [];
  // One connection: many short ones are a matter for the limits of listeners.
  const socket = await gate.connect();
  const sending = (async () => {
    // Of a rule the first ones of a look are kept: each time others come first.
    for (let from = 0; !abort.signal.aborted; from = (from + 7) % lines.length) {
      socket.write(`${[...lines.slice(from), ...lines.slice(0, from)].join("\n")}\n`);
      await sleep(50);
    }
    socket.end();
  })();
  let rest = "";
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const whole = (rest + chunk).split("\n");
      rest = whole.pop()!;
      seen.push(...whole.map((line) => JSON.parse(line) as TailLine));
      if (enough(seen)) break;
    }
  } finally {
    abort.abort();
    await sending;
  }
  return seen;
}

const texts = (seen: readonly TailLine[]) => seen.flatMap(({ kind, text }) => (kind === "record" ? [text] : []));
const records = (count: number) => (seen: readonly TailLine[]) => texts(seen).length >= count;

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`looking on, on ${engine}${note}`, () => {
    const start = async (rules: readonly object[], outputs: readonly object[] = []) => {
      const gate = await Gate.start({ engine });
      for (const rule of rules) await gate.ok("POST", "/rules", rule);
      for (const output of outputs) await gate.ok("POST", "/outputs", output);
      await gate.publish();
      return gate;
    };
    const ssn = { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "[ssn]" } };
    const debug = { id: "debug", type: "filter", params: { value: "DEBUG" } };

    it("shows what passes as it leaves, and of how many records it is a sample", async () => {
      const gate = await start([debug, ssn]);
      const seen = await lookOn(
        gate,
        "?rate=50",
        ["DEBUG x", "INFO ssn 123-45-6789", "INFO plain"],
        (so) => records(10)(so) && so.some(({ kind, records: many = 0 }) => kind === "seen" && many > 0),
      );
      expect(new Set(texts(seen))).toEqual(new Set(["INFO ssn [ssn]", "INFO plain"]));
      const told = seen.find(({ kind, records: many = 0 }) => kind === "seen" && many > 0)!;
      expect(told.shown).toBeLessThanOrEqual(told.records!);
    });

    it("shows of a rule the records that it acts on, dropped ones too", async () => {
      const gate = await start([debug, ssn, { ...debug, id: "idea", params: { value: "plain" }, mode: "shadow" }]);
      const lines = ["DEBUG x 4111 1111 1111 1111", "INFO ssn 123-45-6789", "INFO plain"];
      expect(new Set(texts(await lookOn(gate, "?rule=debug", lines, records(3))))).toEqual(
        new Set(["DEBUG x [credit_card]"]),
      );
      expect(new Set(texts(await lookOn(gate, "?rule=ssn", lines, records(3))))).toEqual(new Set(["INFO ssn [ssn]"]));
      expect(new Set(texts(await lookOn(gate, "?rule=idea", lines, records(3))))).toEqual(new Set(["INFO plain"]));
    });

    it("shows of an output the records that go to it", async () => {
      const file = (id: string, more: object) => ({
        id,
        type: "file",
        path: join(temporaryDirectory("tail"), id),
        ...more,
      });
      const gate = await start(
        [ssn],
        [file("all", {}), file("errors", { filter: { severity: { at_least: "ERROR" } } })],
      );
      const lines = [...Array.from({ length: 200 }, (_, index) => `INFO ${index}`), "ERROR boom 123-45-6789"];
      expect(new Set(texts(await lookOn(gate, "?output=errors", lines, records(3))))).toEqual(
        new Set(["ERROR boom [ssn]"]),
      );
      const all = texts(await lookOn(gate, "?output=all&rate=100", lines, records(50)));
      expect(all.some((text) => text?.startsWith("INFO "))).toBe(true);
    });

    it("never shows a value that any detector finds, whatever the rules, nor what a protect rule drops", async () => {
      // Of every detector, as its own table writes them; a record is a line.
      const planted = [...detectors.values()].flatMap(({ name, positives }) =>
        positives.filter(({ text }) => !text.includes("\n")).map(({ text, values }) => ({ name, text, values })),
      );
      expect(planted.length).toBeGreaterThan(detectors.size);
      const internal = { id: "internal", type: "filter", params: { value: "internal", protect: true } };
      const gate = await start([internal]);
      const lines = [...planted.map(({ text }) => text), "internal plan", "mark"];
      const seconds = (count: number) => (seen: readonly TailLine[]) =>
        seen.filter(({ kind }) => kind === "seen").length >= count && texts(seen).length > 100;
      const check = (query: string, shown: readonly (string | undefined)[]) => {
        const found = planted.filter(({ values }) =>
          values.some((value) => shown.some((text) => text?.includes(value))),
        );
        expect([query, found]).toEqual([query, []]);
        expect(shown.filter((text) => text?.includes("internal"))).toEqual([]);
        expect(shown.length).toBeGreaterThan(100);
      };
      check("all", texts(await lookOn(gate, "?rate=200", lines, seconds(4))));
      await gate.ok("POST", "/rules", { id: "everything", type: "filter", params: { pattern: "." } });
      // Said, or the data plane goes back from it.
      await gate.ok("POST", "/publish", { expect_drop: true });
      check("everything", texts(await lookOn(gate, "?rule=everything&rate=200", lines, records(300))));
      const held = await lookOn(gate, "?rule=internal", ["internal plan"], records(3));
      expect(texts(held)).toEqual(texts(held).map(() => undefined));
    });

    it("follows a publication, and says when what it looks at is gone", async () => {
      const gate = await start([debug, ssn]);
      const watching = lookOn(gate, "?rule=debug", ["DEBUG x"], (so) => so.some(({ kind }) => kind === "gone"));
      await sleep(500);
      await gate.ok("DELETE", "/rules/debug");
      await gate.publish();
      expect(await watching).toContainEqual(
        expect.objectContaining({ kind: "gone", what: expect.stringContaining("debug") }),
      );
    });

    it("takes a bounded number of people, and lets them go", async () => {
      const gate = await start([]);
      const ask = async () => {
        const abort = new AbortController();
        const response = await fetch(`${gate.url}/tail`, { signal: abort.signal });
        return { status: response.status, response, abort };
      };
      // Kept, since a response that nobody holds any more is ended.
      const looking = [];
      for (let i = 0; i < 8; i++) looking.push(await ask());
      const tooMany = await ask();
      tooMany.abort.abort();
      expect([...looking, tooMany].map(({ status }) => status)).toEqual([...Array(8).fill(200), 429]);
      looking.shift()!.abort.abort();
      await until("there is room again", async () => {
        const another = await ask();
        if (another.status !== 200) another.abort.abort();
        else looking.push(another);
        return another.status === 200;
      });
      // Those that look on do not hold up its end.
      expect((await gate.stop()).code).toBe(0);
      expect(looking).toHaveLength(8);
    });

    it("refuses what it cannot show, with the reason", async () => {
      const gate = await start([debug]);
      for (const [query, status, where] of [
        ["?rule=nope", 404, "rule"],
        ["?output=nope", 404, "output"],
        ["?rule=debug&output=console", 422, "rule"],
        ["?rate=0", 422, "rate"],
        ["?rate=much", 422, "rate"],
        ["?rul=debug", 422, "rul"],
      ] as const) {
        const answer = await gate.api("GET", `/tail${query}`);
        expect([query, answer.status, answer.body.error.where]).toEqual([query, status, where]);
      }
    });

    it("works at a data plane alone, on its admin port", async () => {
      const path = join(temporaryDirectory("tail"), "streamgate.json");
      writeFileSync(path, JSON.stringify({ rules: [ssn] }));
      const adminPort = await freePort();
      const gate = await Gate.start({
        engine,
        command: "data",
        args: ["--config", path],
        env: { ADMIN_PORT: String(adminPort) },
      });
      const child = spawn(nodeFile, [mainFile, "tail", "--count", "2", "--url", `http://127.0.0.1:${adminPort}`], {
        env: environment(),
        stdio: ["ignore", "pipe", "inherit"],
      });
      let shown = "";
      child.stdout.on("data", (chunk) => {
        shown += chunk;
      });
      const ended = once(child, "close");
      let done = false;
      void ended.then(() => {
        done = true;
      });
      while (!done) {
        await gate.send("INFO ssn 123-45-6789\n");
        await sleep(50);
      }
      expect(shown).toBe("INFO ssn [ssn]\nINFO ssn [ssn]\n");
      expect((await ended)[0]).toBe(0);
    });
  });
}

describe("streamgate tail", () => {
  it("says in one line that there is no gate, and what to do", async () => {
    const { status, stderr } = await runCommand(["tail", "--url", "http://127.0.0.1:1"]);
    expect(stderr).toBe(
      "streamgate: http://127.0.0.1:1: no control plane answers there: the connection is refused; start one with `streamgate`, or say where it is with --url or STREAMGATE_URL\n",
    );
    expect(status).toBe(1);
  });
});
