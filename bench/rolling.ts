/**
 * A rolling upgrade under load: two data planes share their ports, one after the other is replaced (a new one starts, is ready, the old one
 * gets SIGTERM), while short connections, connections that stay and datagrams come in. Counts what was lost, doubled, reset. docs/scale.md
 *
 *     node bench/rolling.ts [--engine native|portable] [--tls] [--rate 1000] [--replacements 4] [--staying 20] [--udp 2000] [--workers 2]
 *                           [--host ADDRESS --within COMMAND]
 *
 * --within: what planes are started by, as `ip netns exec gates`; they are reached at --host then.
 * Its exit status is 1 when anything was lost, doubled or reset.
 */

import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Authority } from "../test/fixtures/certificates.ts";
import { accountOfLines, ConnectionLoad } from "../test/fixtures/connection_load.ts";
import { freePort } from "../test/fixtures/ports.ts";
import { mainFile } from "../test/fixtures/requirement.ts";
import { until } from "../test/fixtures/wait.ts";

const { values } = parseArgs({
  options: {
    engine: { type: "string", default: "native" },
    tls: { type: "boolean", default: false },
    rate: { type: "string", default: "1000" },
    replacements: { type: "string", default: "4" },
    staying: { type: "string", default: "20" },
    udp: { type: "string", default: "2000" },
    workers: { type: "string", default: "2" },
    host: { type: "string", default: "127.0.0.1" },
    within: { type: "string", default: "" },
  },
});

const folder = mkdtempSync(join(tmpdir(), "streamgate-rolling-"));
const config = join(folder, "streamgate.json");
writeFileSync(config, JSON.stringify({ rules: [] }));
const [tcp, udp, tls] = [await freePort(), await freePort(), await freePort()];
const authority = values.tls ? new Authority("rolling") : undefined;
const certificate = authority?.issue("gate", `IP:${values.host}`);
let started = 0;

interface Plane {
  readonly stop: () => Promise<void>;
}

async function startPlane(): Promise<Plane> {
  const name = `plane${started++}`;
  const admin = await freePort();
  const [out, log] = [openSync(join(folder, `${name}.out`), "w"), openSync(join(folder, `${name}.log`), "w")];
  const [file = "", ...args] = [...values.within.split(" ").filter(Boolean), process.execPath, mainFile];
  const child = spawn(file, [...args, "data", "--config", config, "--share-ports"], {
    stdio: ["ignore", out, log],
    env: {
      ...process.env,
      TCP_PORT: String(tcp),
      UDP_PORT: String(udp),
      ADMIN_PORT: String(admin),
      ADMIN_HOST: values.host,
      CONTROL_AUTH: "off",
      STREAMGATE_ENGINE: values.engine,
      STREAMGATE_WORKERS: values.workers,
      STREAMGATE_DATA_DIR: join(folder, name),
      ...(certificate !== undefined && {
        TLS_PORT: String(tls),
        TLS_CERT: certificate.cert,
        TLS_KEY: certificate.key,
      }),
    },
  });
  closeSync(out);
  closeSync(log);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await until(`${name} is ready`, async () => {
    if (child.exitCode !== null) throw new Error(readFileSync(join(folder, `${name}.log`), "utf8"));
    return fetch(`http://${values.host}:${admin}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
      if (child.exitCode !== 0) throw new Error(readFileSync(join(folder, `${name}.log`), "utf8"));
    },
  };
}

const planes = [await startPlane(), await startPlane()];
const load = new ConnectionLoad({
  host: values.host,
  targets: [authority === undefined ? { port: tcp } : { port: tls, ca: authority.pem() }],
  connectionsPerSecond: Number(values.rate),
  linesEach: 3,
  staying: Number(values.staying),
  stayingMs: 10,
  ...(Number(values.udp) > 0 && { udpPort: udp }),
  datagramsPerSecond: Number(values.udp),
  datagramsLandMs: 1000,
});
const began = performance.now();
await sleep(1000);
for (let n = 0; n < Number(values.replacements); n++) {
  planes.push(await startPlane());
  await planes.shift()!.stop();
  await sleep(300);
}
const result = await load.stop();
const seconds = (performance.now() - began) / 1000;
await Promise.all(planes.map((plane) => plane.stop()));
const came = Array.from({ length: started }, (_, n) => readFileSync(join(folder, `plane${n}.out`), "utf8"))
  .join("")
  .split("\n")
  .filter(Boolean);
const account = accountOfLines(load.sent, came);
const { failures, stayingBroken, ...counts } = result;
console.log(
  JSON.stringify(
    {
      engine: values.engine,
      tls: values.tls,
      replacements: Number(values.replacements),
      connectionsPerSecond: Math.round(result.connections / seconds),
      ...counts,
      failures,
      stayingBroken,
      lines: load.sent.length,
      ...account,
    },
    undefined,
    1,
  ).replaceAll("\n ", " "),
);
rmSync(folder, { recursive: true });
const bad = [account.lost, failures].some((counts) => Object.keys(counts).length > 0);
process.exitCode = bad || account.doubled > 0 || stayingBroken > 0 ? 1 : 0;
