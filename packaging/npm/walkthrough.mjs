/** The README's walkthrough through sockets, on a gate that is started by any command line: another Node, another processor. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** For one step on a slow machine, and for a whole emulated start; nothing here is judged by how long it took. */
const patienceMs = 120_000;

/**
 * @param {string[]} command what runs `streamgate`
 * @param {{env?: object, cwd?: string}} [options]
 * @returns {Promise<{engine: string, warnings: string[]}>} the engine as the log names it, and what the log warned of
 * @throws Error when a line is not dropped, redacted or delivered as the walkthrough says
 */
export async function walkthrough(command, { env = process.env, cwd } = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), "streamgate-walkthrough-"));
  const [tcp, udp, control] = [await freePort(), await freePort(), await freePort()];
  const child = spawn(command[0], [...command.slice(1), "run"], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...env,
      ...{ TCP_PORT: `${tcp}`, UDP_PORT: `${udp}`, CONTROL_PORT: `${control}`, GRPC_PORT: "0" },
      ...{ STREAMGATE_DATA_DIR: dataDir, STREAMGATE_WORKERS: "1", LOG_FORMAT: "json" },
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const ended = once(child, "close");
  const taken = [];
  const sink = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text) => {
      body += text;
    });
    request.on("end", () => {
      taken.push(`${request.method} ${request.url} ${body}`);
      response.end();
    });
  });

  const until = async (what, holds) => {
    const endMs = Date.now() + patienceMs;
    while (!holds()) {
      if (child.exitCode !== null || Date.now() > endMs) throw new Error(`${what}: not seen\n${stdout}${stderr}`);
      await sleep(20);
    }
  };
  const lines = async (...wanted) => {
    await until(`the lines ${JSON.stringify(wanted)}`, () => stdout.split("\n").length > wanted.length);
    if (stdout !== wanted.map((line) => `${line}\n`).join(""))
      throw new Error(`on standard output ${JSON.stringify(stdout)} instead of ${JSON.stringify(wanted)}`);
  };
  const api = async (path, body) => {
    const response = await fetch(`http://127.0.0.1:${control}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body ?? {}),
    });
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  };

  try {
    await until("the gate listens", () => stderr.includes("listening on TCP"));
    await send(tcp, "DEBUG: user login attempt\n");
    const first = "DEBUG: user login attempt";
    await lines(first);
    await api("/rules", { id: "drop_debug", type: "filter", params: { value: "DEBUG" } });
    await api("/publish");
    await send(tcp, "DEBUG: user login attempt\n");
    await send(tcp, "INFO: payment processed\n");
    const second = "INFO: payment processed";
    await lines(first, second);
    const params = { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" };
    await api("/rules", { id: "redact_ssn", type: "redact", params });
    await api("/publish");
    await send(tcp, "SSN: 123-45-6789\n");
    await lines(first, second, "SSN: XXX-XX-XXXX");
    await new Promise((resolve) => sink.listen(0, "127.0.0.1", resolve));
    await api("/outputs", { type: "http", url: `http://127.0.0.1:${sink.address().port}` });
    await api("/publish");
    await send(tcp, "Hello Datadog\n");
    await until("the sink takes a POST", () => taken.length > 0);
    if (taken.join() !== "POST / Hello Datadog") throw new Error(`the sink took ${taken.join()}`);
    child.kill("SIGTERM");
    const [status] = await ended;
    // Windows knows no signals: there a process that is told to end just does.
    if (status !== 0 && process.platform !== "win32") throw new Error(`it ended with ${status}\n${stderr}`);
  } finally {
    child.kill("SIGKILL");
    await ended;
    sink.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
  const log = stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  return {
    engine: log.find(({ engine }) => engine !== undefined)?.engine ?? "",
    warnings: log.filter(({ level }) => level === "warn").map(({ msg }) => msg),
  };
}

function send(port, text) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(text));
    socket.on("error", reject).on("close", resolve).resume();
  });
}

async function freePort() {
  const server = createTcpServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
