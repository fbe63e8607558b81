/** Real senders, as installed on real hosts: N messages in, N records out. Their configuration lives in a folder of the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate, runShell } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { engines, needsProgram, program, repository } from "../fixtures/requirement.ts";
import { isListening, sendTcp } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

const daemons: { child: ChildProcess; folder: string }[] = [];
afterEach(async () => {
  for (const { child, folder } of daemons.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    rmSync(folder, { recursive: true, force: true });
  }
  await disposeGates();
});

const count = 200;
const needsLogger = needsProgram("logger");
const needsPython = needsProgram("python3");
const needsRsyslog = needsProgram("rsyslogd");
const needsSyslogNg = needsProgram("syslog-ng");

/** Lines on the console. A line end that the sender counted into its frame is part of the record, and there an empty line. */
function recordsOf(gate: Gate): string[] {
  return gate.lines().filter((line) => line !== "");
}

async function waitForMessages(gate: Gate): Promise<void> {
  await until(`${count} messages come out`, () => recordsOf(gate).length >= count);
}

/** Each of the messages `m 0` … stands in exactly one record, and there is no other record. */
function expectMessages(gate: Gate, startsWith = ""): void {
  const lines = recordsOf(gate);
  expect(lines.length).toBe(count);
  expect(lines.filter((line) => !line.startsWith(startsWith))).toEqual([]);
  const numbers = lines.map((line) => Number(/\bm (\d+) end$/.exec(line)?.[1]));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
}

const messages = `for i in $(seq 0 ${count - 1}); do echo "m $i end"; done`;

function pythonSender(port: number, kind: "SOCK_STREAM" | "SOCK_DGRAM"): string {
  return `python3 - <<'PY'
import logging, logging.handlers, socket, time
handler = logging.handlers.SysLogHandler(address=("127.0.0.1", ${port}), socktype=socket.${kind})
log = logging.getLogger("app")
log.addHandler(handler)
for i in range(${count}):
    log.warning("m %d end", i)
    if i % 20 == 19: time.sleep(0.002)
handler.close()
PY`;
}

/** Starts a syslog daemon that listens on `input` and forwards to the gate, and sends it all messages. */
async function forward(
  command: string,
  args: (folder: string) => string[],
  config: string,
  input: number,
  env = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "streamgate-sender-"));
  writeFileSync(join(folder, "daemon.conf"), config.replaceAll("FOLDER", folder));
  const child = spawn(command, args(folder), { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  daemons.push({ child, folder });
  await until(`${command} listens`, () => {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${stderr}`);
    return isListening(input);
  });
  const lines = Array.from({ length: count }, (_, index) => `<13>Nov 23 10:00:00 host app: m ${index} end\n`);
  await sendTcp(input, lines.join(""));
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`senders to ${engine}${note}`, () => {
    const shell = async (script: string) => {
      const { status, stderr } = await runShell(script);
      expect([status, stderr]).toEqual([0, ""]);
    };

    it.skipIf(needsLogger.skip).each([
      ["over TCP", "-T"],
      ["over TCP with octet counts", "-T --octet-count"],
      ["over UDP", "-d"],
      ["over TCP in the old format", "-T --rfc3164"],
    ])(`logger %s${needsLogger.note}`, async (_name, flags) => {
      const gate = await Gate.start({ engine });
      const port = flags === "-d" ? gate.udpPort : gate.tcpPort;
      // One message an invocation for half of them, standard input for the rest: one connection each, and one for many.
      await shell(
        `(${messages}) | head -20 | while read -r line; do logger -n 127.0.0.1 -P ${port} ${flags} -t app -- "$line"; done
         (${messages}) | tail -n +21 | logger -n 127.0.0.1 -P ${port} ${flags} -t app`,
      );
      await waitForMessages(gate);
      await gate.stop();
      expectMessages(gate, "<13>");
    });

    it.skipIf(needsPython.skip)(
      `Python's SysLogHandler over TCP, which ends messages with NUL${needsPython.note}`,
      async () => {
        const gate = await Gate.start({ engine });
        await shell(pythonSender(gate.tcpPort, "SOCK_STREAM"));
        await waitForMessages(gate);
        await gate.stop();
        expectMessages(gate, "<12>");
      },
    );

    it.skipIf(needsPython.skip)(`Python's SysLogHandler over UDP${needsPython.note}`, async () => {
      const gate = await Gate.start({ engine });
      await shell(pythonSender(gate.udpPort, "SOCK_DGRAM"));
      await waitForMessages(gate);
      await gate.stop();
      expectMessages(gate, "<12>");
    });

    it.skipIf(needsRsyslog.skip).each([
      ["lines", "traditional", "RSYSLOG_TraditionalForwardFormat"],
      ["octet counts", "octet-counted", "RSYSLOG_TraditionalForwardFormat"],
      ["octet counts that include a line end", "octet-counted", "RSYSLOG_SyslogProtocol23Format"],
    ])(`rsyslog forwarding with %s${needsRsyslog.note}`, async (_name, framing, template) => {
      const [gate, input] = [await Gate.start({ engine }), await freePort()];
      const config = `
        global(workDirectory="FOLDER")
        module(load="imtcp")
        input(type="imtcp" port="${input}" address="127.0.0.1")
        *.* action(type="omfwd" target="127.0.0.1" port="${gate.tcpPort}" protocol="tcp" TCP_Framing="${framing}" template="${template}")\n`;
      // Its own "started" message would be a record too: only what comes in over TCP is forwarded.
      const only = config.replace("*.* action", `if $inputname == "imtcp" then action`);
      await forward(
        program("rsyslogd"),
        (folder) => ["-n", "-f", join(folder, "daemon.conf"), "-i", join(folder, "pid")],
        only,
        input,
      );
      await waitForMessages(gate);
      await gate.stop();
      expectMessages(gate, "<13>");
    });

    it.skipIf(needsSyslogNg.skip).each([
      ["lines", "network", ""],
      ["octet counts", "syslog", ""],
    ])(`syslog-ng forwarding with %s${needsSyslogNg.note}`, async (_name, driver) => {
      const [gate, input] = [await Gate.start({ engine }), await freePort()];
      const config = `@version: 3.38
        options { stats-freq(0); time-reopen(1); };
        source s { network(ip("127.0.0.1") port(${input}) transport("tcp")); };
        destination d { ${driver}("127.0.0.1" port(${gate.tcpPort}) transport("tcp")); };
        log { source(s); destination(d); };\n`;
      const path = program("syslog-ng");
      // Unpacked beside the system's files where rsyslog is installed, since the two packages exclude one another.
      const root = path.startsWith(repository) ? join(repository, ".cache/senders") : "";
      const library = join(root, "/usr/lib/syslog-ng");
      const args = (folder: string) => [
        ...["-F", "-f", join(folder, "daemon.conf"), "-R", join(folder, "persist"), "-p", join(folder, "pid")],
        ...["-c", join(folder, "control"), "--no-caps"],
        ...(root === "" ? [] : ["--module-path", join(library, "3.38")]),
      ];
      const env = root === "" || !existsSync(library) ? {} : { LD_LIBRARY_PATH: library };
      await forward(path, args, config, input, env);
      await waitForMessages(gate);
      await gate.stop();
      expectMessages(gate, "<13>");
    });
  });
}
