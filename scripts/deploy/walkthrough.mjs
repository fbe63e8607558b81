/**
 * The README's walkthrough against planes that run already, such as those of `docker compose up`: the same calls, in the same order, to the
 * ports of the contract. What comes out is read from what a command prints.
 *
 *     node scripts/deploy/walkthrough.mjs --output "docker compose logs --no-log-prefix --follow data" [--sink-url http://host.docker.internal:9000]
 *
 * The mock server is `streamgate sink --port 9000` of this repository, on this machine. Exit status 1 with the step that failed.
 */
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    output: { type: "string" },
    "sink-url": { type: "string", default: "http://host.docker.internal:9000" },
    control: { type: "string", default: "http://localhost:8000" },
  },
});
const main = fileURLToPath(new URL("../../dist/commands/main.js", import.meta.url));
const waitMsMax = 15_000;
const children = [];

/** Starts a program and collects what it prints. */
function watch(command, args) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const watched = { text: "" };
  child.stdout.setEncoding("utf8").on("data", (part) => {
    watched.text += part;
  });
  return watched;
}

async function until(what, condition) {
  for (const end = Date.now() + waitMsMax; Date.now() < end; await sleep(50))
    if (condition()) return console.log(`ok     ${what}`);
  throw new Error(`${what}: not within ${waitMsMax / 1000} s`);
}

/** As `echo LINE | nc -N localhost 8081` does. */
function send(line) {
  return new Promise((resolve, reject) => {
    const socket = connect(8081, "localhost", () => socket.end(`${line}\n`));
    socket.once("error", reject).once("close", resolve).resume();
  });
}

async function post(path, body) {
  const answer = await fetch(`${options.control}${path}`, {
    method: "POST",
    ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** Over Redis the answer comes when the notice is out; with `wait` when data planes have said that they run it. */
async function publish() {
  const { planes } = await post("/publish?wait=10s");
  if (planes?.status !== "applied") throw new Error(`published, and data planes say ${JSON.stringify(planes)}`);
}

async function walk() {
  const [command, ...args] = options.output.split(" ");
  const out = watch(command, args);
  // What it prints of earlier runs is none of this one's: each line has this run's mark.
  const mark = Date.now().toString(36);
  const lines = () => out.text.split("\n").filter((line) => line.includes(mark));

  await send(`DEBUG: user login attempt ${mark}`);
  await until("a line passes", () => lines().length === 1);

  await post("/rules", { id: `drop_debug_${mark}`, type: "filter", params: { value: "DEBUG" } });
  await publish();
  await send(`DEBUG: user login attempt ${mark}`);
  await send(`INFO: payment processed ${mark}`);
  await until(
    "DEBUG is dropped, INFO passes",
    () => lines().length === 2 && lines()[1].startsWith("INFO: payment processed"),
  );

  const params = { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" };
  await post("/rules", { id: `redact_ssn_${mark}`, type: "redact", params });
  await publish();
  await send(`SSN: 123-45-6789 ${mark}`);
  await until("a number is masked", () => lines()[2] === `SSN: XXX-XX-XXXX ${mark}`);

  const sink = watch(process.execPath, [main, "sink", "--port", "9000"]);
  await until("the mock server listens", () => sink.text.includes("listening"));
  await post("/outputs", { type: "http", url: options["sink-url"] });
  await publish();
  await send(`Hello Datadog ${mark}`);
  await until(
    "the mock server gets a POST",
    () => sink.text.includes("POST / ") && sink.text.includes(`Hello Datadog ${mark}`),
  );
}

try {
  await walk();
} catch (error) {
  console.error(`FAILED ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const child of children) child.kill();
}
