/**
 * `--config FILE`: what the file says runs, however it is changed; what is refused changes nothing and is told of; calls that
 * would change it answer 409.
 */
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

const drop = (value: string) => ({ rules: [{ id: `drop_${value.toLowerCase()}`, type: "filter", params: { value } }] });
const text = (value: object) => JSON.stringify(value, null, 2);

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`a configuration file on ${engine}${note}`, () => {
    const start = async (path: string, options: Parameters<typeof Gate.start>[0] = {}) =>
      Gate.start({ engine, args: ["--config", path], ...options });
    /** Whether the gate lets a line with this word pass: the next thing that comes out is it, or the mark behind it. */
    let sent = 0;
    const passes = async (gate: Gate, word: string) => {
      const mark = `mark ${++sent}`;
      const before = gate.lineCount;
      await gate.send(`${word} ${mark}\n${mark}\n`);
      await until("the mark is out", () => gate.lines().includes(mark));
      return gate.lines().slice(before).includes(`${word} ${mark}`);
    };
    const runs = (gate: Gate, value: string) =>
      until(`records with ${value} are dropped`, async () => !(await passes(gate, value)));

    it("runs at once, and changes as a file may be changed: in place, by rename, by a link that is turned, in pieces", async () => {
      const folder = temporaryDirectory("config");
      const path = join(folder, "streamgate.json");
      // As Kubernetes mounts a ConfigMap: the file is a link into a folder that is a link itself, and that one is turned.
      const version = (number: number, value: object) => {
        mkdirSync(join(folder, `..v${number}`));
        writeFileSync(join(folder, `..v${number}`, "streamgate.json"), text(value));
        symlinkSync(`..v${number}`, join(folder, "..data_next"));
        renameSync(join(folder, "..data_next"), join(folder, "..data"));
      };
      version(1, drop("ONE"));
      symlinkSync(join("..data", "streamgate.json"), path);
      const gate = await start(path);
      expect(await passes(gate, "ONE")).toBe(false);
      expect(await passes(gate, "TWO")).toBe(true);

      version(2, drop("TWO"));
      await runs(gate, "TWO");
      expect(await passes(gate, "ONE")).toBe(true);

      // By rename, as editors and deployments do.
      writeFileSync(`${path}.new`, text(drop("THREE")));
      renameSync(`${path}.new`, path);
      await runs(gate, "THREE");

      // In place.
      writeFileSync(path, text(drop("FOUR")));
      await runs(gate, "FOUR");

      // In pieces, with pauses in which half a file lies there.
      const whole = text(drop("FIVE"));
      writeFileSync(path, whole.slice(0, 30));
      await until("half a file is refused", async () => (await gate.ok("GET", "/status")).config.refused !== undefined);
      expect(await passes(gate, "FOUR")).toBe(false);
      appendFileSync(path, whole.slice(30));
      await runs(gate, "FIVE");
      await until("it is taken", async () => (await gate.ok("GET", "/status")).config.refused === undefined);
      expect((await gate.ok("GET", "/status")).config).toEqual({ file: path, loaded_at: expect.any(String) });
      expect((await gate.ok("GET", "/rules")).map(({ id }: { id: string }) => id)).toEqual(["drop_five"]);
    });

    it("that is refused changes nothing, and log and status say the place and the reason; mended, it runs", async () => {
      const path = join(temporaryDirectory("config"), "streamgate.json");
      writeFileSync(path, text(drop("GOOD")));
      const gate = await start(path);
      const bad = { rules: [{ id: "broken", type: "filter", params: { pattern: "[0-9" } }] };
      writeFileSync(path, text(bad));
      const refused = async () => (await gate.ok("GET", "/status")).config.refused;
      await until("it is refused", async () => (await refused()) !== undefined);
      expect((await refused()).error).toContain(`${path} rules[0] "broken" params.pattern: RE2 refuses it: missing ]`);
      expect(gate.stderr).toContain("the configuration file is refused, what ran before runs on");
      const told = await runCommand(["status", "--url", gate.url]);
      expect(told.stdout.toString()).toContain(
        `warning: the configuration file ${path} is refused, what ran before runs on: `,
      );
      expect(await passes(gate, "GOOD")).toBe(false);

      rmSync(path);
      await until("it is missed", async () => (await refused()).error.includes("cannot be read any more"));
      expect(await passes(gate, "GOOD")).toBe(false);

      writeFileSync(path, text(drop("MENDED")));
      await runs(gate, "MENDED");
      await until("it is taken", async () => (await refused()) === undefined);
    });

    it("answers 409 to every call that would change what runs, and says where to change it instead", async () => {
      const path = join(temporaryDirectory("config"), "streamgate.json");
      writeFileSync(path, text({ ...drop("X"), outputs: [{ id: "out", type: "console" }] }));
      const gate = await start(path);
      const rule = { id: "y", type: "filter", params: { value: "Y" } };
      const calls: [string, string, unknown?][] = [
        ["POST", "/rules", rule],
        ["PUT", "/rules/drop_x", { ...rule, id: "drop_x" }],
        ["DELETE", "/rules/drop_x"],
        ["POST", "/outputs", { type: "http", url: "http://localhost:9" }],
        ["PUT", "/outputs/out", { id: "out", type: "console" }],
        ["DELETE", "/outputs/out"],
        ["DELETE", "/outputs"],
        ["POST", "/config/batch_size", { size: 7 }],
        ["POST", "/publish"],
        ["POST", "/versions/1/rollback"],
        ["PUT", "/manifest", { pipelines: [{ processors: [], outputs: [] }] }],
      ];
      for (const [method, call, body] of calls) {
        const answer = await gate.api(method, call, body);
        expect([method, call, answer.status, answer.body.error?.code]).toEqual([method, call, 409, "SG_CONFIG_FILE"]);
        expect(answer.body.detail).toBe(
          `${path}: is where this gate takes its configuration from (--config), so it is not changed here; change that file: it is read again when it changes`,
        );
      }
      // What only tries still answers.
      expect((await gate.api("POST", "/rules/preview", { lines: ["X"] })).status).toBe(200);
      expect(await passes(gate, "X")).toBe(false);
    });

    it("outlives a restart, and an unchanged file is no new version", async () => {
      const path = join(temporaryDirectory("config"), "streamgate.json");
      writeFileSync(path, text(drop("KEPT")));
      const first = await start(path);
      const { version } = await first.ok("GET", "/status");
      await first.stop();
      const second = await start(path, { dataDir: first.dataDir });
      expect((await second.ok("GET", "/status")).version).toBe(version);
      expect(await passes(second, "KEPT")).toBe(false);
    });

    it("is all that a data plane alone needs: no Redis", async () => {
      const path = join(temporaryDirectory("config"), "streamgate.json");
      writeFileSync(path, text(drop("ALONE")));
      const gate = await start(path, { command: "data" });
      expect(await passes(gate, "ALONE")).toBe(false);
      writeFileSync(path, text(drop("AGAIN")));
      await runs(gate, "AGAIN");
      writeFileSync(path, "{}");
      await until("it is refused", () => gate.stderr.includes("rules: is missing"));
      expect(await passes(gate, "AGAIN")).toBe(false);
    });
  });
}

describe("a gate does not start", () => {
  it.each([
    ["without its configuration file", undefined, /cannot be read: ENOENT/],
    ["with half of one", '{"rules":[', /is no JSON: it ends too early/],
    ["with a field that nobody knows", '{"rules":[],"rulez":[]}', /rulez: is no part of a configuration/],
    ["with one that has no rules", '{"outputs":[]}', /rules: is missing/],
  ])("%s", async (_, content, reason) => {
    const path = join(temporaryDirectory("config"), "streamgate.json");
    if (content !== undefined) writeFileSync(path, content);
    for (const command of ["run", "data"]) {
      const { status, stderr } = await runCommand([command, "--config", path], "", {
        ...{ TCP_PORT: "0", UDP_PORT: "0", CONTROL_PORT: "0" },
        STREAMGATE_DATA_DIR: temporaryDirectory("config"),
      });
      expect(stderr).toMatch(reason);
      expect(stderr).toContain(path);
      expect(status).toBe(1);
    }
  });

  it("with a file and a Redis that both say what runs", async () => {
    const path = join(temporaryDirectory("config"), "streamgate.json");
    writeFileSync(path, '{"rules":[]}');
    for (const command of ["run", "data"]) {
      const { status, stderr } = await runCommand([command, "--config", path], "", { REDIS_HOST: "127.0.0.1" });
      expect(stderr).toMatch(/CONFIG: .* and a Redis are both given/);
      expect(status).toBe(2);
    }
  });
});
