/** The README's walkthrough, step by step, on both engines: over sockets, and as written with `curl` and both kinds of `nc`. */
import { type ChildProcess, spawn } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, environment, Gate, runShell } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { engines, mainFile, needsProgram, nodeFile, program } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { isListening } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await disposeGates();
});

const needsShellTools = needsProgram("curl", "nc.openbsd", "nc.traditional");

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`walkthrough on ${engine}${note}`, () => {
    it("passes, drops, redacts and fans out, each change at its publish and not before", async () => {
      const gate = await Gate.start({ engine });
      await gate.send("DEBUG: user login attempt\n");
      await gate.waitForLines(1);
      expect(await gate.addRule("drop_debug", "filter", { value: "DEBUG" })).toMatchObject({ status: "added" });
      await gate.send("DEBUG: a draft changes nothing\n");
      await gate.waitForLines(2);
      expect(await gate.publish()).toMatchObject({ status: "published" });
      await gate.send("DEBUG: user login attempt\n");
      await gate.send("INFO: payment processed\n");
      await gate.waitForLines(3);
      await gate.addRule("redact_ssn", "redact", { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" });
      await gate.publish();
      await gate.send("SSN: 123-45-6789\n");
      await gate.waitForLines(4);
      const sink = await Sink.start();
      expect(await gate.ok("POST", "/outputs", { type: "http", url: sink.url })).toMatchObject({ status: "added" });
      await gate.publish();
      await gate.send("Hello Datadog\n");
      await until("the sink takes a POST", () => sink.taken.length > 0);
      await gate.stop();
      await sink.close();
      expect(sink.taken).toMatchObject([{ method: "POST", path: "/", body: "Hello Datadog" }]);
      expect(sink.taken[0]?.headers["content-type"]).toContain("text/plain");
      expect(gate.lines()).toEqual([
        "DEBUG: user login attempt",
        "DEBUG: a draft changes nothing",
        "INFO: payment processed",
        "SSN: XXX-XX-XXXX",
      ]);
    });

    it.skipIf(needsShellTools.skip)(
      `works as written with curl and both kinds of nc${needsShellTools.note}`,
      async () => {
        const gate = await Gate.start({ engine });
        /** As in the walkthrough, from an nc that does or does not close by itself; what it sent must be out either way. */
        const nc = (kind: string, line: string) => {
          const [name = "", ...flags] = kind.split(" ");
          const command = `echo "${line}" | ${[program(name), ...flags].join(" ")} localhost ${gate.tcpPort}`;
          children.push(spawn("bash", ["-c", command], { stdio: "ignore", detached: false }));
        };
        const curl = async (args: string) => {
          const { stdout, stderr, status } = await runShell(
            `curl -sS -X POST ${args.replaceAll("localhost:8000", `localhost:${gate.controlPort}`)}`,
          );
          expect([status, stderr]).toEqual([0, ""]);
          return JSON.parse(stdout.toString());
        };
        const json = "-H 'Content-Type: application/json' -d";
        nc("nc.openbsd -N", "DEBUG: user login attempt");
        await gate.waitForLines(1);
        await curl(`localhost:8000/rules ${json} '{"id":"drop_debug","type":"filter","params":{"value":"DEBUG"}}'`);
        expect(await curl("localhost:8000/publish -d ''")).toMatchObject({ status: "published" });
        nc("nc.openbsd", "DEBUG: user login attempt");
        nc("nc.traditional", "INFO: payment processed");
        await gate.waitForLines(2);
        await curl(
          `localhost:8000/rules ${json} '{"id":"redact_ssn","type":"redact","params":{"pattern":"\\\\d{3}-\\\\d{2}-\\\\d{4}","replacement":"XXX-XX-XXXX"}}'`,
        );
        await curl("localhost:8000/publish -d ''");
        nc("nc.traditional", "SSN: 123-45-6789");
        await gate.waitForLines(3);
        const port = await freePort();
        const sink = spawn(nodeFile, [mainFile, "sink", "--port", String(port)], {
          env: environment(),
          stdio: ["ignore", "pipe", "pipe"],
        });
        children.push(sink);
        let printed = "";
        sink.stdout.setEncoding("utf8").on("data", (text: string) => {
          printed += text;
        });
        await until("the sink listens", () => isListening(port));
        await curl(`localhost:8000/outputs ${json} '{"type":"http","url":"http://localhost:${port}"}'`);
        await curl("localhost:8000/publish -d ''");
        nc("nc.openbsd", "Hello Datadog");
        await until("the sink prints the POST", () => /POST[\s\S]*Hello Datadog/.test(printed));
        for (const child of children.splice(0)) child.kill("SIGKILL");
        await gate.stop();
        expect(gate.lines()).toEqual(["DEBUG: user login attempt", "INFO: payment processed", "SSN: XXX-XX-XXXX"]);
      },
    );
  });
}
