/**
 * Random requests to every route that the OpenAPI document names, and to its paths with every other method: bodies that were right before
 * something was changed in them, and junk. Nothing may be answered with 5xx, and the gate goes on as if nothing had been.
 *
 *     FUZZ_SEED=… FUZZ_CASES=100000 npx vitest run test/e2e/random_bodies.test.ts
 *
 * What a body names is never reached: URLs point at a port that nobody serves, files into the gate's own directory.
 */
import { Agent, request as httpRequest } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { outputTypes } from "../../src/outputs/index.ts";
import { ruleTypes } from "../../src/rules/index.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { Choices } from "../fixtures/random.ts";
import { engines } from "../fixtures/requirement.ts";

afterEach(disposeGates);

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const cases = Number(process.env.FUZZ_CASES ?? 600);
/** After so many the draft is emptied: a draft of thousands of rules takes its time to be written, and says nothing new. */
const casesPerDraft = 300;
const atOnce = 8;

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

interface Case {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A route of the document, and bodies that it takes. */
interface Route {
  readonly path: string;
  readonly documented: readonly string[];
  readonly bodies: readonly unknown[];
}

/** Makes requests up. What it makes depends on the seed and the routes alone. */
class Requests extends Choices {
  readonly #routes: readonly Route[];
  readonly #urls: readonly string[];
  readonly #paths: readonly string[];

  constructor(from: number, routes: readonly Route[], directory: string) {
    super(from);
    this.#routes = routes;
    this.#urls = [
      "http://127.0.0.1:9/",
      "https://[::1]:9/x?token=a",
      "ftp://x",
      "http://",
      "//",
      "http://127.0.0.1:99999",
      "http://a b/",
    ];
    this.#paths = [join(directory, "out.log"), join(directory, "a", "b.log"), "relative.log", "", "\0"];
  }

  next(): Case {
    const route = this.one(this.#routes);
    const method = this.below(4) === 0 ? this.one(methods) : this.one(route.documented);
    const query = this.many(2, () => `${this.one(queryNames)}=${encodeURIComponent(this.one(queryValues))}`);
    const ids = route.path.startsWith("/rules") ? ruleIds : route.path.startsWith("/outputs") ? outputIds : versions;
    const path = route.path.replaceAll(/\{\w+\}/g, () => this.one(this.below(2) === 0 ? ids : pathParts));
    const { text, type } = this.#body(route);
    return {
      method,
      path: query.length === 0 ? path : `${path}?${query.join("&")}`,
      headers: {
        ...(type !== undefined && { "content-type": type }),
        // Node gives GET and DELETE none, and then the body is the next request.
        ...(text !== undefined && { "content-length": String(text.length) }),
        ...(this.below(10) === 0 && { "if-match": this.one(['"1"', "*", 'W/"x"', "", '"1", "2"', "\u00ff"]) }),
        ...(this.below(20) === 0 && { accept: this.one(["*/*", "application/openmetrics-text", "text/html", "x"]) }),
        ...(this.below(30) === 0 && { "accept-encoding": "gzip, br" }),
        ...(this.below(40) === 0 && { expect: "100-continue" }),
      },
      body: text,
    };
  }

  #body(route: Route): { text: Buffer | undefined; type: string | undefined } {
    const type = this.below(20) === 0 ? this.one(contentTypes) : "application/json";
    switch (this.below(12)) {
      case 0:
        return { text: undefined, type: this.below(2) === 0 ? undefined : type };
      case 1:
        return { text: this.#junk(), type };
      default: {
        let value = structuredClone(this.one(route.bodies.length > 0 && this.below(8) > 0 ? route.bodies : anyBodies));
        for (let changes = this.below(4); changes > 0; changes--) value = this.#changed(value);
        const text = Buffer.from(JSON.stringify(value, (key, part) => this.#harmless(key, part)) ?? "");
        return { text: this.below(16) === 0 ? this.#damaged(text) : text, type };
      }
    }
  }

  /** Nothing that a body names may be reached or written outside of the gate's own directory. */
  #harmless(key: string, value: unknown): unknown {
    if (typeof value !== "string") return value;
    if (/^[a-z]+:\/\//i.test(value) || /^(url|endpoint|site|region)$/.test(key)) return this.one(this.#urls);
    return key === "path" || value.startsWith("/") ? this.one(this.#paths) : value;
  }

  /** The value with one change somewhere in it. */
  #changed(value: unknown): unknown {
    if (typeof value !== "object" || value === null || this.below(5) === 0) return this.#other(value);
    if (Array.isArray(value)) {
      const list = [...value];
      const at = this.below(list.length + 1);
      if (this.below(3) === 0 || at === list.length)
        list.splice(at, 0, list.length > 0 && this.below(2) === 0 ? this.one(list) : this.#any());
      else if (this.below(4) === 0) list.splice(at, 1);
      else list[at] = this.#changed(list[at]);
      return list;
    }
    const entries = Object.entries(value);
    const at = this.below(entries.length + 1);
    const entry = entries[at];
    if (entry === undefined) entries.push([this.one(names), this.#any()]);
    else if (this.below(6) === 0) entries.splice(at, 1);
    else if (this.below(8) === 0) entries[at] = [this.one(names), entry[1]];
    else entries[at] = [entry[0], this.#changed(entry[1])];
    // Unlike an assignment this makes `__proto__` a member like any other.
    return Object.fromEntries(entries);
  }

  #other(value: unknown): unknown {
    if (typeof value === "string" && this.below(2) === 0) {
      const at = this.below(value.length + 1);
      return value.slice(0, at) + this.one(texts) + value.slice(at + this.below(3));
    }
    if (typeof value === "number" && this.below(2) === 0) return this.one(numbers);
    return this.#any();
  }

  #any(): unknown {
    switch (this.below(7)) {
      case 0:
        return this.one(numbers);
      case 1:
        return this.one([true, false, null]);
      case 2:
        return this.many(4, () => this.one(texts));
      case 3:
        return Object.fromEntries(this.many(3, () => [this.one(names), this.one(texts)]));
      case 4:
        return this.#nested(this.below(40));
      default:
        return this.one(texts);
    }
  }

  #nested(depth: number): unknown {
    let value: unknown = this.one(texts);
    for (; depth > 0; depth--) value = this.below(2) === 0 ? [value] : { [this.one(names)]: value };
    return value;
  }

  #junk(): Buffer {
    const length = this.below(20) === 0 ? 1024 * 1024 + this.below(3) - 1 : this.below(200);
    if (this.below(2) === 0)
      return Buffer.alloc(length, this.one(["[", "{", '"', " ", "1", '{"a":', "\\", "\xff"]), "latin1");
    return Buffer.from(Array.from({ length: Math.min(length, 4096) }, () => this.below(256)));
  }

  #damaged(text: Buffer): Buffer {
    const bytes = Buffer.from(text);
    if (bytes.length === 0) return bytes;
    switch (this.below(4)) {
      case 0:
        return bytes.subarray(0, this.below(bytes.length));
      case 1:
        return Buffer.concat([Buffer.from("\ufeff"), bytes]);
      case 2:
        return Buffer.concat([bytes, bytes]);
      default:
        bytes[this.below(bytes.length)] = this.below(256);
        return bytes;
    }
  }
}

const names = [
  "id",
  "type",
  "params",
  "when",
  "mode",
  "enabled",
  "protect",
  "value",
  "values",
  "pattern",
  "field",
  "all",
  "any",
  "not",
  "outputs",
  "rules",
  "lines",
  "recent",
  "filter",
  "queue",
  "retry",
  "headers",
  "pipelines",
  "processors",
  "batch_size",
  "version",
  "comment",
  "wait",
  "",
  "__proto__",
  "constructor",
  "toString",
  "a".repeat(300),
  "\u0000",
  "é",
  "\ud800",
];
const texts = [
  "",
  "x",
  "DEBUG",
  "\\d{3}",
  "(",
  "[",
  "(?=a)",
  "(?P<n>a)",
  "a{1000}",
  "((a{100}){100}){100}",
  ".*",
  "\\C",
  "\\pN",
  "***",
  "1",
  "-1",
  "1e999",
  "true",
  "null",
  "shadow",
  "enforce",
  "ERROR",
  "service.name",
  "syslog.host",
  "syslog.sd.a.b",
  "10.0.0.0/8",
  "::/0",
  "..",
  "a/b/c",
  "\u0000",
  "\r\n",
  "\u2028",
  "\ud800",
  "😀",
  "é".repeat(200),
  "x".repeat(5000),
  "__proto__",
  "redact_ssn",
];
const numbers = [
  0,
  -0,
  -1,
  1,
  2,
  0.5,
  1e-9,
  100,
  10_000,
  10_001,
  65_536,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e21,
  1e308,
];
const pathParts = [
  "redact_ssn",
  "drop_debug",
  "a",
  "1",
  "2",
  "0",
  "-1",
  "draft",
  "published",
  "99999999999999999999",
  "%00",
  "%2e%2e",
  "..%2f..%2fetc%2fpasswd",
  "__proto__",
  "constructor",
  "%F0%9F%98%80",
  "%ff",
  "%E0%A4%A",
  "a".repeat(256),
  "é".repeat(10).replaceAll("é", "%C3%A9"),
  "a%20b",
  "preview",
  "*",
  ":id",
];
const queryNames = [
  "before",
  "size",
  "limit",
  "from",
  "to",
  "wait",
  "comment",
  "revert",
  "recent",
  "rule",
  "output",
  "sample",
  "x",
  "__proto__",
  "before[]",
  "",
];
const queryValues = [
  "",
  "1",
  "2",
  "0",
  "-1",
  "10001",
  "1e3",
  "redact_ssn",
  "draft",
  "published",
  "1ms",
  "1s",
  "5 s",
  "on",
  "off",
  "\u0000",
  "😀",
  "x".repeat(3000),
  "__proto__",
  "%",
];
const contentTypes = [
  "",
  "text/plain",
  "application/x-www-form-urlencoded",
  "application/json; charset=utf-16",
  "application/problem+json",
  "multipart/form-data; boundary=x",
  "APPLICATION/JSON",
  "*/*",
  ";",
];
const anyBodies: readonly unknown[] = [
  { id: "redact_ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" } },
  {
    id: "drop_debug",
    type: "filter",
    params: { value: "DEBUG" },
    when: { all: [{ severity: { at_least: "ERROR" } }, { not: { value: "x" } }] },
  },
  { lines: ["a", "DEBUG b", '{"a":1}'], rules: [] },
  { size: 100 },
  {},
  [],
];

/** Rules, and manifests of rules and outputs, as the types' own examples have them. */
const rules = [...ruleTypes.values()].flatMap(({ type, examples }) =>
  examples.map((params, n) => ({ id: `${type}_${n}`, type, params })),
);
const outputs = [...outputTypes.values()].flatMap(({ type, examples }) =>
  (examples as readonly object[]).map((fields, n) => ({ id: `${type}_${n}`, type, ...fields })),
);
const manifest = {
  version: "1",
  pipelines: [{ name: "p", processors: rules.slice(0, 12), outputs: outputs.slice(0, 4), batch_size: 100 }],
};

const ruleIds = ["redact_ssn", "drop_debug", ...rules.map(({ id }) => id)];
const outputIds = outputs.map(({ id }) => id);
const versions = ["1", "2", "3"];

/** The examples that the document gives for a body, and what we know that it takes. */
function bodiesOf(path: string, operations: Record<string, unknown>): unknown[] {
  const found: unknown[] = [];
  const look = (part: unknown) => {
    if (typeof part !== "object" || part === null) return;
    for (const [key, value] of Object.entries(part)) {
      if (key === "examples" && Array.isArray(value)) found.push(...value);
      else if (key === "example") found.push(value);
      else look(value);
    }
  };
  for (const operation of Object.values(operations)) look((operation as { requestBody?: unknown }).requestBody);
  if (/^\/rules(\/\{\w+\})?$/.test(path)) found.push(...rules);
  if (/^\/outputs(\/\{\w+\})?$/.test(path)) found.push(...outputs);
  if (path === "/manifest") found.push(manifest);
  if (path === "/rules/preview" || path === "/rules/test")
    found.push({ rules: rules.slice(0, 5), lines: ["DEBUG a", "b 123-45-6789"], recent: 10 });
  return found;
}

function ask(agent: Agent, port: number, { method, path, headers, body }: Case): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ agent, host: "127.0.0.1", port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      // A stream that goes on, such as records that leave, is looked at for a moment.
      const enough = setTimeout(() => response.destroy(), path.startsWith("/tail") ? 100 : 60_000);
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("close", () => {
        clearTimeout(enough);
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
      });
    });
    request.once("error", reject);
    request.end(body);
  });
}

/**
 * Some requests are refused before they are read whole, and the connection with them: that is an answer, too. One that waited in a pool may
 * have been closed meanwhile: then another is tried.
 */
async function answerTo(agent: Agent, port: number, one: Case): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(agent, port, one);
    } catch (error) {
      const cut = /EPIPE|ECONNRESET/.test((error as NodeJS.ErrnoException).code ?? "");
      if (cut && (one.body?.length ?? 0) > 100_000) return { status: 413, body: "" };
      if (!cut || attempt === 4) throw new Error(`${one.method} ${one.path}: ${(error as Error).message}`);
    }
  }
}

/** Is it an error as the API says them? Where HTTP itself is broken Node refuses, with no body. */
function saysWhy(body: string): boolean {
  if (body === "") return true;
  const { detail, error } = JSON.parse(body);
  return typeof detail === "string" && /^SG_[A-Z_]+$/.test(error.code) && typeof error.what === "string";
}

for (const { engine, skip, note } of engines.slice(0, 1)) {
  describe.skipIf(skip)(`the control API${note}`, () => {
    it(
      `answers ${cases} random requests, none of them with 5xx (FUZZ_SEED=${seed})`,
      async () => {
        const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1", AWS_EC2_METADATA_DISABLED: "true" } });
        const { paths } = await gate.ok("GET", "/openapi.json");
        const routes = Object.entries<Record<string, unknown>>(paths).map(([path, operations]) => ({
          path,
          documented: Object.keys(operations).map((method) => method.toUpperCase()),
          bodies: bodiesOf(path, operations),
        }));
        expect(routes.length).toBeGreaterThan(10);
        const requests = new Requests(seed, routes, gate.dataDir);
        const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
        const wrong: string[] = [];
        const statuses = new Map<number, number>();
        let made = 0;
        const run = async () => {
          while (made < cases && wrong.length < 5) {
            const number = made++;
            if (number % casesPerDraft === casesPerDraft - 1) await gate.ok("PUT", "/manifest", { pipelines: [{}] });
            const one = requests.next();
            const { status, body } = await answerTo(agent, gate.controlPort, one);
            statuses.set(status, (statuses.get(status) ?? 0) + 1);
            const told = status < 400 || one.method === "HEAD" || saysWhy(body);
            if (status >= 500 || status < 200 || !told)
              wrong.push(
                `${number}: ${one.method} ${one.path} ${JSON.stringify(one.headers)} ${one.body?.toString("latin1").slice(0, 1500)} -> ${status} ${body.slice(0, 500)}`,
              );
          }
        };
        await Promise.all(Array.from({ length: atOnce }, run));
        agent.destroy();
        console.log(
          `random bodies: ${made} requests to ${routes.length} paths, seed ${seed}: ${[...statuses]
            .sort()
            .map(([status, count]) => `${count} × ${status}`)
            .join(", ")}`,
        );
        expect(wrong, `FUZZ_SEED=${seed}\n${gate.stderr.slice(-3000)}`).toEqual([]);
        // Some of them were right, and some were not.
        expect(statuses.get(200)).toBeGreaterThan(0);
        expect(statuses.get(422)).toBeGreaterThan(0);
        expect((await gate.ok("GET", "/")).status).toBe("ok");
        await gate.ok("PUT", "/manifest", { pipelines: [{}] });
        await gate.send("still here\n");
        expect(await gate.waitForLines(1)).toEqual(["still here"]);
        expect((await gate.stop()).code).toBe(0);
        expect(gate.stderr).not.toContain("the request failed");
      },
      60_000 + cases * 100,
    );
  });
}
