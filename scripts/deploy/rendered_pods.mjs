/**
 * Starts what a rendered chart would start: each StreamGate container's command with its variables, here, as a process. A variable that the
 * program does not know, a value that it refuses and a file that no volume brings are found so.
 *
 * Secrets and certificates are made up; ports are any free ones; the Redis that is named is not there, which a data plane and a control plane
 * bear. It is right when the health check answers and SIGTERM ends it with 0.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { spellings } from "../../src/settings/settings.ts";

const main = fileURLToPath(new URL("../../dist/commands/main.js", import.meta.url));
const known = new Map(Object.values(spellings).map((spelling) => [spelling.env, spelling]));
const startMsMax = 30_000;

/**
 * @param {string} text what `helm template` printed
 * @param {string} work folder for what the processes need
 * @returns {Promise<{pod: string, fault: string | undefined}[]>} each pod, and what was wrong with it
 */
export async function startPods(text, work) {
  const objects = parseAllDocuments(text)
    .map((one) => one.toJS())
    .filter((one) => one !== null);
  const pods = objects.filter(({ spec }) => spec?.template?.spec?.containers?.[0].name === "streamgate");
  const found = [];
  for (const { kind, metadata, spec } of pods) {
    const pod = `${kind} ${metadata.name}`;
    found.push({
      pod,
      fault: await startPod(spec, objects, mkdtempSync(join(work, "pod-"))).catch((error) => error.message),
    });
  }
  return found;
}

async function startPod({ template, volumeClaimTemplates = [] }, objects, folder) {
  const { containers, volumes, terminationGracePeriodSeconds: graceS } = template.spec;
  const [{ args, env, volumeMounts, ports, lifecycle }] = containers;
  const claimed = volumeClaimTemplates.map(({ metadata }) => ({ name: metadata.name, emptyDir: {} }));
  const mounts = volumeMounts.map((mount) => ({
    ...mount,
    volume: [...volumes, ...claimed].find(({ name }) => name === mount.name),
    here: join(folder, mount.mountPath),
  }));
  for (const mount of mounts) {
    if (mount.volume === undefined) return `no volume is called ${mount.name}`;
    fill(mount, objects);
  }
  const variables = {};
  const own = new Set(env.filter(({ name }) => !known.has(name)).map(({ name }) => name));
  for (const { name, value, valueFrom } of env) {
    if (value !== undefined && typeof value !== "string") return `${name} is ${typeof value}, and a variable is text`;
    variables[name] = valueFrom?.fieldRef === undefined ? (value ?? "made-up") : "gate-0";
  }
  // What the chart's user adds is theirs; the chart itself must write none that the program does not know.
  for (const name of own)
    if (env.find((one) => one.name === name).valueFrom === undefined) return `nobody knows ${name}`;
  const group = { data: "data", control: "control" }[args[0]];
  for (const name of Object.keys(variables).filter((one) => known.has(one))) {
    const path = /^(?:file:)?(\/.*)$/.exec(variables[name])?.[1];
    if (path === undefined) continue;
    const mount = mounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
    const here = mount && join(mount.here, path.slice(mount.mountPath.length + 1));
    if (here === undefined || !existsSync(here)) return `${name} names ${path}, which no volume brings`;
    variables[name] = variables[name].replace(path, here);
  }
  const drainS =
    Number(/^[\d.]+/.exec(variables.SHUTDOWN_TIMEOUT ?? "10")[0]) /
    ((variables.SHUTDOWN_TIMEOUT ?? "").endsWith("ms") ? 1000 : 1);
  const preStopS = lifecycle?.preStop.sleep.seconds ?? 0;
  if (graceS <= drainS + preStopS) return `${graceS} s are not enough for ${preStopS} s and a drain of ${drainS} s`;
  const dataDirectory = mounts.find(({ mountPath }) => mountPath === "/var/lib/streamgate")?.here;
  if (dataDirectory === undefined) return "nothing is mounted where the image has its data directory";
  const port = await freePort();
  const place = group === "data" ? { ADMIN_PORT: port } : { CONTROL_PORT: port, GRPC_PORT: 0 };
  const wanted = group === "data" ? "admin" : "http";
  if (!ports.some(({ name }) => name === wanted)) return `no port is called ${wanted}`;
  const child = spawn(process.execPath, [main, ...args], {
    env: {
      ...{ PATH: process.env.PATH, STREAMGATE_DATA_DIR: dataDirectory, ...variables },
      ...{ ...place, TCP_PORT: 0, UDP_PORT: 0, TLS_PORT: 0 },
      // Somewhere that refuses at once.
      ...(variables.REDIS_HOST !== undefined && { REDIS_HOST: "127.0.0.1", REDIS_PORT: 1 }),
      ...(variables.REDIS_URL !== undefined && { REDIS_URL: variables.REDIS_URL.replace(/\/\/.*/, "//127.0.0.1:1") }),
      // Before the first try to reach Redis there is nothing to wait for.
      STREAMGATE_WORKERS: 1,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (part) => {
    said += part;
  });
  const ended = new Promise((resolve) => child.once("close", (status, signal) => resolve(signal ?? status)));
  try {
    const why = await sickness(child, port, variables);
    if (why !== undefined) return `it does not become healthy: ${why}\n${said}`;
    child.kill("SIGTERM");
    const status = await ended;
    return status === 0 ? undefined : `SIGTERM ended it with ${status}:\n${said}`;
  } finally {
    child.kill("SIGKILL");
  }
}

/** Asks as the image's own health check does. @returns undefined: it is well; else what that said last */
async function sickness(child, port, variables) {
  const healthcheck = ["healthcheck", "--control-port", String(port), "--admin-port", String(port)];
  const tls = Object.entries(variables).filter(([name]) => /^(CONTROL|ADMIN)_TLS_(CERT|KEY|CLIENT_CA)$/.test(name));
  const env = { ...process.env, ...Object.fromEntries(tls) };
  let why = "it ended";
  for (const end = Date.now() + startMsMax; Date.now() < end && child.exitCode === null; await sleep(100)) {
    const { status, stderr } = spawnSync(process.execPath, [main, ...healthcheck], { env, encoding: "utf8" });
    if (status === 0) return undefined;
    why = stderr;
  }
  return why;
}

/** What the volume brings, made up where it is a Secret of somebody else's. */
function fill({ volume, here }, objects) {
  mkdirSync(here, { recursive: true, mode: 0o700 });
  const put = (name, text) => {
    mkdirSync(dirname(join(here, name)), { recursive: true });
    writeFileSync(join(here, name), text);
    chmodSync(join(here, name), volume.secret?.defaultMode ?? 0o644);
  };
  const source = volume.secret?.secretName ?? volume.configMap?.name;
  if (source === undefined) return;
  const held = objects.find(({ kind, metadata }) => ["Secret", "ConfigMap"].includes(kind) && metadata.name === source);
  const items = volume.secret?.items ?? volume.configMap?.items;
  if (held !== undefined) {
    const all = held.stringData ?? held.data;
    for (const { key, path } of items ?? Object.keys(all).map((key) => ({ key, path: key }))) {
      if (all[key] === undefined) throw new Error(`${source} has no ${key}`);
      put(path, all[key]);
    }
    return;
  }
  for (const { key, path } of items ?? ["tls.crt", "tls.key", "ca.crt"].map((key) => ({ key, path: key })))
    put(
      path,
      /\.(crt|key)$/.test(key)
        ? certificate(here)[key.endsWith("key") ? "key" : "cert"]
        : "made-up-and-longer-than-32-characters",
    );
}

let made;
/** One that vouches for itself serves as an authority too. */
function certificate(folder) {
  if (made !== undefined) return made;
  const [keyFile, certFile] = ["made.key", "made.crt"].map((name) => join(folder, name));
  const { status, stderr, error } = spawnSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", "/CN=gate", "-keyout", keyFile, "-out", certFile],
    ],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`openssl makes no certificate: ${error?.message ?? stderr}`);
  made = { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") };
  return made;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
