/** The control API behind its guards, over HTTP: tokens, roles over every route, the limit, foreign pages, headers, too many connections. */

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Control } from "../../../test/fixtures/control.ts";
import { until } from "../../../test/fixtures/wait.ts";
import type { ControlOptions } from "../server.ts";
import { routeAccess } from "./access.ts";
import { Authentication, type AuthSettings, isLoopback } from "./authentication.ts";
import { permits, type Role, roles } from "./role.ts";
import { digestOf, newToken, tokenLine } from "./token.ts";

let control: Control | undefined;
const folders: string[] = [];
afterEach(async () => {
  await control?.close();
  control = undefined;
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const loopback: AuthSettings = { controlHost: "localhost", controlAuth: "on" };
const lines: string[] = [];
const log = { info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line) };

function authentication(settings: Partial<AuthSettings> = {}): Authentication {
  lines.length = 0;
  return new Authentication({ ...loopback, ...settings }, log);
}

/** A file with a token for each role. */
function tokens(): { readonly file: string; readonly of: Readonly<Record<Role, string>> } {
  const folder = mkdtempSync(join(tmpdir(), "streamgate-tokens-"));
  folders.push(folder);
  const of = { read: newToken(), write: newToken(), admin: newToken() };
  const file = join(folder, "tokens");
  writeFileSync(
    file,
    roles.map((role) => tokenLine({ name: `${role}-token`, role, digest: digestOf(of[role]) })).join("\n"),
  );
  chmodSync(file, 0o600);
  return { file, of };
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const json = { "content-type": "application/json" };

describe("where a token is asked for", () => {
  it("not on loopback when none is configured", async () => {
    control = await Control.start();
    expect((await control.call("POST", "/publish")).status).toBe(200);
  });

  it("on loopback too when one is configured", async () => {
    control = await Control.start({ authentication: authentication({ token: "a token of some length" }) });
    expect((await control.call("GET", "/rules")).status).toBe(401);
    expect((await control.call("GET", "/rules", bearer("a token of some length"))).status).toBe(401);
    await control.close();
    control = await Control.start({ authentication: authentication({ token: "a-token-of-some-length" }) });
    expect((await control.call("POST", "/publish", bearer("a-token-of-some-length"))).status).toBe(200);
  });

  it.each(["0.0.0.0", "::", "192.0.2.1", "gate.example.com", "128.0.0.1", "localhost.example.com"])(
    "on %s there is no start without one, and it is said how to",
    async (controlHost) => {
      expect(() => authentication({ controlHost })).toThrow(
        /CONTROL_HOST .* can be reached from other machines, .*; set STREAMGATE_TOKEN, or STREAMGATE_TOKEN_FILE .*; or say CONTROL_AUTH=off/,
      );
      expect(authentication({ controlHost, token: newToken() }).required).toBe(true);
      await expect(Control.start({ host: controlHost })).rejects.toThrow(/no token guards the control API/);
    },
  );

  it.each(["localhost", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])("%s is loopback", (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(authentication({ controlHost: host }).required).toBe(false);
  });

  it("nowhere with CONTROL_AUTH=off, which is said in the log", async () => {
    expect(authentication({ controlHost: "0.0.0.0", controlAuth: "off" }).required).toBe(false);
    expect(lines).toEqual([
      expect.stringMatching(/CONTROL_AUTH=off: whoever reaches the control API at 0\.0\.0\.0 may do all/),
    ]);
    expect(authentication({ token: newToken(), controlAuth: "off" }).required).toBe(false);
    expect(lines).toEqual([expect.stringContaining("are not asked for")]);
  });

  it("is told about a token that can be guessed", () => {
    authentication({ token: "secret" });
    expect(lines).toEqual([expect.stringMatching(/fewer than 16 characters/)]);
    expect(lines[0]).not.toContain("secret");
  });
});

describe("a call without the right token", () => {
  it("answers 401, with or without one, on paths that there are and are not, and says how to send one", async () => {
    const { file, of } = tokens();
    control = await Control.start({ authentication: authentication({ tokenFile: file }) });
    const wrong = [
      {},
      bearer(newToken()),
      bearer(of.admin.slice(0, -1)),
      bearer(""),
      { headers: { authorization: `Basic ${Buffer.from(`admin:${of.admin}`).toString("base64")}` } },
      { headers: { authorization: of.admin } },
      { headers: { "x-token": of.admin } },
    ];
    for (const [method, path] of [
      ["GET", "/"],
      ["GET", "/rules"],
      ["POST", "/publish"],
      ["GET", "/nope"],
      ["HEAD", "/"],
    ] as const)
      for (const headers of wrong.slice(0, 1)) {
        const answer = await control.call(method, path, headers);
        expect([method, path, answer.status]).toEqual([method, path, 401]);
        expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="streamgate"');
        if (method !== "HEAD") expect(answer.body).toContain("Authorization: Bearer TOKEN");
      }
    for (const headers of wrong) expect((await control.call("GET", "/rules", headers)).status).toBe(401);
    expect((await control.call("GET", `/rules?token=${of.admin}`)).status).toBe(401);
    expect((await control.call("GET", "/rules", bearer(of.read))).status).toBe(200);
    expect((await control.call("GET", "/rules", { headers: { authorization: `bEARER  ${of.read}` } })).status).toBe(
      200,
    );
    expect((await control.call("GET", "/nope", bearer(of.read))).status).toBe(404);
    const told = [...control.logged, ...lines].join("\n");
    for (const token of Object.values(of)) expect(told).not.toContain(token.slice(0, 20));
    expect(lines.filter((line) => line.includes("refused a call from"))).toHaveLength(1);
  });

  it("does not read the body of it, and closes", async () => {
    control = await Control.start({ authentication: authentication({ token: newToken() }) });
    const socket = connect(control.server.port, "127.0.0.1");
    socket.write(
      "POST /rules HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{",
    );
    let text = "";
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.1 401 /);
    expect(text.toLowerCase()).toContain("connection: close");
  });

  it("learns from the file of tokens without a restart: a line that goes lets nobody in any more", async () => {
    const { file, of } = tokens();
    control = await Control.start({ authentication: authentication({ tokenFile: file }) });
    expect((await control.call("GET", "/rules", bearer(of.read))).status).toBe(200);
    const next = newToken();
    writeFileSync(file, `${tokenLine({ name: "next", role: "read", digest: digestOf(next) })}\n`);
    expect((await control.call("GET", "/rules", bearer(of.read))).status).toBe(401);
    expect((await control.call("GET", "/rules", bearer(next))).status).toBe(200);
  });
});

describe("an answer that goes on and on", () => {
  it("ends when its token is let in no more", async () => {
    const { file, of } = tokens();
    let ended = false;
    const tails = {
      close: () => {},
      watch: () => () => {
        ended = true;
      },
    } as unknown as NonNullable<ControlOptions["tails"]>;
    control = await Control.start({ authentication: authentication({ tokenFile: file }), tails });
    const { port } = control.server;
    expect((await control.call("GET", "/tail", bearer(of.write))).status).toBe(403);
    const response = await fetch(`http://127.0.0.1:${port}/tail`, bearer(of.admin));
    expect(response.status).toBe(200);
    writeFileSync(file, `${tokenLine({ name: "next", role: "admin", digest: digestOf(newToken()) })}\n`);
    expect(await response.text()).toBe("");
    await until("nobody looks on", () => ended);
  });
});

describe("roles", () => {
  /** Every route that is documented, with something in the place of parameters. */
  async function documented(): Promise<(readonly [string, string, string])[]> {
    const { body } = await control!.call("GET", "/openapi.json");
    const paths = JSON.parse(body).paths as Record<string, Record<string, unknown>>;
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => {
        const route = path.replaceAll(/\{(\w+)\}/g, ":$1");
        return [method.toUpperCase(), route, path.replaceAll(/\{\w+\}/g, "1")] as const;
      }),
    );
  }

  it("have a row for every route that exists", async () => {
    control = await Control.start();
    const routes = await documented();
    expect(routes.length).toBeGreaterThan(15);
    expect(routes.map(([method, route]) => `${method} ${route}`).filter((key) => !(key in routeAccess))).toEqual([]);
  });

  it("let each token do what its role may, on every route that exists, and answer 403 to the rest", async () => {
    const { file, of } = tokens();
    control = await Control.start({ authentication: authentication({ tokenFile: file }) });
    for (const [method, route, path] of await documented())
      for (const role of roles) {
        const access = routeAccess[`${method} ${route}`]!;
        const { status, body } = await control.call(method, path, bearer(of[role]));
        const called = `${method} ${path} with a token of role ${role}`;
        expect([called, status === 403]).toEqual([called, !permits(role, access)]);
        expect([called, status]).not.toEqual([called, 401]);
        if (status === 403)
          expect(JSON.parse(body).error).toMatchObject({ code: "SG_ROLE", fix: `use a token with the role ${access}` });
      }
  });

  it("give a token of role read nothing but looking", async () => {
    const { file, of } = tokens();
    control = await Control.start({ authentication: authentication({ tokenFile: file }) });
    const routes = await documented();
    const writes = routes.filter(([method]) => method !== "GET");
    expect(writes.length).toBeGreaterThan(8);
    for (const [method, , path] of writes) {
      const headers = { ...bearer(of.read).headers, ...json };
      expect((await control.call(method, path, { headers, body: "{}" })).status).toBe(403);
    }
    expect(control.published).toEqual([]);
  });

  it("ask for admin where a route has no row", async () => {
    const { accessOf } = await import("./access.ts");
    expect([accessOf("POST", "/new"), accessOf("GET", "/new"), accessOf("HEAD", "/rules")]).toEqual([
      "admin",
      "admin",
      "read",
    ]);
  });

  it("leave the documentation and the questions whether it is well open", async () => {
    control = await Control.start({ authentication: authentication({ token: newToken() }) });
    for (const path of ["/docs", "/docs/static/swagger-ui-bundle.js", "/openapi.json"])
      expect([path, (await control.call("GET", path)).status]).toEqual([path, 200]);
    for (const key of ["GET /healthz", "GET /readyz"]) expect(routeAccess[key]).toBe("open");
    expect(Object.entries(routeAccess).filter(([key, access]) => access === "open" && !key.startsWith("GET "))).toEqual(
      [],
    );
  });
});

describe("wrong tokens, one after the other", () => {
  it("answer 429 with Retry-After after ten, to that source alone, and count no right ones", async () => {
    const own = "a-token-that-somebody-chose";
    const guarded = authentication({ token: own });
    control = await Control.start({ authentication: guarded });
    for (let time = 0; time < 30; time++) expect((await control.call("GET", "/rules", bearer(own))).status).toBe(200);
    const statuses: number[] = [];
    while (statuses.at(-1) !== 429 && statuses.length < 100)
      statuses.push((await control.call("GET", "/rules", bearer(`guess-${statuses.length}`))).status);
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401));
    expect(statuses.at(-1)).toBe(429);
    const { status, headers, body } = await control.call("GET", "/rules", bearer("another"));
    expect([status, JSON.parse(body).error.code]).toEqual([429, "SG_TOKEN_LIMIT"]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(Number(headers.get("retry-after"))).toBeLessThanOrEqual(3);
    // The right one can be guessed, so it has to wait with the others: otherwise the limit would limit nothing.
    expect((await control.call("GET", "/rules", bearer(own))).status).toBe(429);
    expect(() => guarded.authenticate(own, "127.0.0.1")).toThrow(/too many wrong tokens/);
    expect(guarded.authenticate(own, "192.0.2.7").actor).toEqual({ name: "STREAMGATE_TOKEN", address: "192.0.2.7" });
  });

  it("lock nobody out whose token cannot be guessed", async () => {
    const { file, of } = tokens();
    control = await Control.start({ authentication: authentication({ tokenFile: file }) });
    const wrong = async () => (await control!.call("GET", "/rules", bearer(newToken()))).status;
    await until("the source has to wait", async () => (await wrong()) === 429);
    expect((await control.call("GET", "/rules", bearer(of.read))).status).toBe(200);
  });
});

describe("a web page from elsewhere", () => {
  const hosts = [
    ["localhost", 200],
    ["localhost:PORT", 200],
    ["LocalHost:PORT", 200],
    ["localhost.:PORT", 200],
    ["localhost:9999", 200],
    ["127.0.0.1:PORT", 200],
    ["127.0.0.1", 200],
    ["[::1]:PORT", 200],
    ["[::1]", 200],
    ["gate.localhost:PORT", 200],
    ["gate.example.com", 200],
    ["gate.example.com:443", 200],
    ["evil.example.com", 403],
    ["evil.example.com:PORT", 403],
    ["localhost.evil.example.com", 403],
    ["127.0.0.1.evil.example.com", 403],
    ["192.0.2.1:PORT", 403],
    ["0.0.0.0:PORT", 403],
    ["[::2]:PORT", 403],
    ["[::ffff:192.0.2.1]:PORT", 403],
    ["::1", 403],
    ["localhost@evil.example.com", 403],
    ["evil.example.com/localhost", 403],
    ["localhost evil.example.com", 403],
  ] as const;

  it("whose name points here (Host) reads and writes nothing", async () => {
    control = await Control.start({ allowedHosts: ["gate.example.com"] });
    for (const [host, wanted] of hosts) {
      const sent = host.replace("PORT", String(control.server.port));
      for (const call of ["GET /rules", "POST /publish"])
        expect([host, call, await control.raw([`${call} HTTP/1.1`, `Host: ${sent}`])]).toEqual([host, call, wanted]);
    }
  });

  it("is met on the IPv6 loopback address as well", async () => {
    control = await Control.start();
    if (!control.server.addresses.some((address) => address.startsWith("[::1]"))) return;
    expect(await control.raw(["GET /rules HTTP/1.1", `Host: [::1]:${control.server.port}`], "", "::1")).toBe(200);
    expect(await control.raw(["GET /rules HTTP/1.1", "Host: evil.example.com"], "", "::1")).toBe(403);
  });

  it("with its own name writes nothing where no token is asked for, and names without a dot go on", async () => {
    const off = authentication({ controlHost: "0.0.0.0", controlAuth: "off" });
    control = await Control.start({ host: "0.0.0.0", authentication: off, allowedHosts: ["gate.apps.example.com"] });
    for (const [host, wanted] of [
      ["localhost:8000", 200],
      ["streamgate:8000", 200],
      ["192.0.2.1:8000", 200],
      ["gate.apps.example.com", 200],
      ["evil.example.com", 403],
    ] as const)
      expect([host, await control.raw(["POST /publish HTTP/1.1", `Host: ${host}`])]).toEqual([host, wanted]);
  });

  it("may have any name where a token is asked for on other addresses", async () => {
    const token = newToken();
    control = await Control.start({
      host: "0.0.0.0",
      authentication: authentication({ controlHost: "0.0.0.0", token }),
    });
    const head = ["GET /rules HTTP/1.1", "Host: gate.example.com"];
    expect(await control.raw(head)).toBe(401);
    expect(await control.raw([...head, `Authorization: Bearer ${token}`])).toBe(200);
  });

  const origins = [
    ["Origin: http://localhost:PORT", 200],
    ["Origin: https://localhost:PORT", 200],
    ["Origin: http://gate.example.com", 200],
    ["Origin: https://gate.example.com", 200],
    ["Origin: http://localhost:3000", 403],
    ["Origin: http://localhost", 403],
    ["Origin: http://127.0.0.1:PORT", 403],
    ["Origin: https://evil.example.com", 403],
    ["Origin: http://localhost:PORT.evil.example.com", 403],
    ["Origin: null", 403],
    ["Origin: file://", 403],
    ["Origin: chrome-extension://localhost:PORT", 403],
    ["Referer: http://localhost:PORT/docs", 200],
    ["Referer: https://evil.example.com/", 403],
    ["Sec-Fetch-Site: cross-site", 403],
    ["Sec-Fetch-Site: same-origin", 200],
  ] as const;

  it("changes nothing with a foreign Origin", async () => {
    control = await Control.start({ allowedHosts: ["gate.example.com"] });
    for (const [header, wanted] of origins) {
      const lines = [`Host: localhost:${control.server.port}`, header.replace("PORT", String(control.server.port))];
      expect([header, await control.raw(["POST /publish HTTP/1.1", ...lines])]).toEqual([header, wanted]);
      const rule = JSON.stringify({ id: header.replaceAll(/\W/g, "_"), type: "filter", params: { value: "x" } });
      const added = await control.raw(["POST /rules HTTP/1.1", ...lines, "Content-Type: application/json"], rule);
      expect([header, added]).toEqual([header, wanted]);
    }
    const allowed = origins.filter(([, status]) => status === 200).length;
    expect(control.published).toHaveLength(allowed);
  });

  it("gets no CORS header, whatever it asks", async () => {
    control = await Control.start();
    for (const method of ["GET", "OPTIONS", "POST"]) {
      const { headers } = await control.call(method, "/rules", {
        headers: { origin: "https://evil.example.com", "access-control-request-method": "POST" },
      });
      expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
  });

  const form = "application/x-www-form-urlencoded";
  const bodies = [
    // As `curl -X POST -d ''` sends it.
    [form, "", 200],
    [undefined, "", 200],
    ["application/json", "", 200],
    ["application/json", "{}", 200],
    ["application/json; charset=utf-8", "{}", 200],
    [form, "a=b", 415],
    ["text/plain", "", 415],
    ["text/plain", "{}", 415],
    ["text/plain;charset=UTF-8", "{}", 415],
    ["multipart/form-data; boundary=x", "--x--", 415],
    ["multipart/form-data; boundary=x", "", 415],
    ["text/plain; application/json", "{}", 415],
  ] as const;

  it("publishes nothing with a form, by what a form can send as its type", async () => {
    control = await Control.start();
    for (const [type, body, wanted] of bodies) {
      const head = [
        "POST /publish HTTP/1.1",
        "Host: localhost",
        ...(type === undefined ? [] : [`Content-Type: ${type}`]),
      ];
      expect([type, body, await control.raw(head, body)]).toEqual([type, body, wanted]);
    }
    const text = JSON.stringify({ id: "a", type: "filter", params: { value: "x" } });
    expect(await control.raw(["POST /rules HTTP/1.1", "Host: localhost", "Content-Type: text/plain"], text)).toBe(415);
  });
});

describe("every answer", () => {
  it("tells browsers to guess, keep, frame and run nothing", async () => {
    const token = newToken();
    control = await Control.start({ authentication: authentication({ token }) });
    const answers = [
      await control.call("GET", "/rules", bearer(token)),
      await control.call("GET", "/rules"),
      await control.call("GET", "/nope", bearer(token)),
      await control.call("DELETE", "/rules/%zz", bearer(token)),
      await control.call("POST", "/rules", { headers: { ...json, ...bearer(token).headers }, body: "{" }),
      await control.call("GET", "/docs"),
      await control.call("GET", "/docs/static/swagger-ui.css"),
      await control.call("GET", "/openapi.json"),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 404, 400, 422, 200, 200, 200]);
    for (const { headers } of answers) {
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get("content-security-policy")).not.toMatch(/script-src[^;]*unsafe|https?:/);
    }
    for (const at of [0, 1, 2, 3, 4]) expect(answers[at]!.headers.get("cache-control")).toBe("no-store");
    expect(answers[0]!.headers.get("content-security-policy")).not.toContain("script-src");
  });

  it("of the documentation lets its own scripts and styles run, and it has no others", async () => {
    control = await Control.start();
    const page = await control.call("GET", "/docs");
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("connect-src 'self'");
    // Nothing inline, nothing from elsewhere: each script and style is a file here.
    expect(page.body).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|<style/);
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) expect([file, (await control.call("GET", file)).status]).toEqual([file, 200]);
  });
});

describe("a thousand clients that say a byte at a time", () => {
  it("hold a bounded number of connections and keep no honest client out", async () => {
    control = await Control.start();
    const { port } = control.server;
    const slow: Socket[] = [];
    let closed = 0;
    const heads = [
      "",
      "GET",
      "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
      "POST /rules HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ];
    try {
      for (let number = 0; number < 1_000; number++) {
        const socket = connect(port, "127.0.0.1");
        socket.on("error", () => {}).on("close", () => closed++);
        slow.push(socket);
        await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
        socket.write(heads[number % heads.length]!);
        if (number % 100 === 99) {
          const before = closed;
          expect((await control.call("GET", "/rules")).status).toBe(200);
          expect(closed).toBeGreaterThanOrEqual(before);
        }
      }
      await until("the oldest are closed", () => closed >= 1_000 - 512);
      for (let time = 0; time < 20; time++) expect((await control.call("POST", "/publish")).status).toBe(200);
      for (const socket of slow) socket.write("x");
      expect((await control.call("GET", "/rules")).status).toBe(200);
      expect(slow.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(512);
    } finally {
      for (const socket of slow) socket.destroy();
    }
  });
});

describe("the audit file", () => {
  it("has a line for every write, with the token's name, the address, and ids and kinds alone", async () => {
    const { file, of } = tokens();
    control = await Control.start({
      authentication: authentication({ tokenFile: file }),
      testOutput: async () => ({ status: "delivered", took_ms: 1 }),
    });
    const secret = "s3cr3t-value";
    const write = async (method: string, path: string, body?: object) => {
      const headers = { ...bearer(of.write).headers, ...(body !== undefined && json) };
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      const { status, body: text } = await control!.call(method, path, { headers, ...sent });
      expect([method, path, status, status === 200 ? "" : text]).toEqual([method, path, 200, ""]);
    };
    const rule = { type: "redact", params: { pattern: secret, replacement: secret } };
    await write("POST", "/rules", { id: "a", ...rule });
    await write("POST", "/rules?before=a", { id: "b", ...rule });
    await write("PUT", "/rules/b", { ...rule, mode: "shadow" });
    await write("POST", "/rules/b/promote");
    const output = { type: "http", id: "out", url: `http://localhost:9/${secret}`, headers: { authorization: secret } };
    await write("POST", "/outputs", output);
    await write("PUT", "/outputs/out", { ...output, url: "http://localhost:9/" });
    await write("POST", "/outputs/out/test");
    await write("POST", "/config/batch_size?size=7");
    await write("POST", "/publish");
    await write("DELETE", "/rules/a");
    await write("DELETE", "/outputs/out");
    await write("POST", "/outputs", output);
    await write("DELETE", "/outputs");
    await write("POST", "/versions/1/rollback");
    const { body } = await control.call("GET", "/manifest", bearer(of.write));
    await write("PUT", "/manifest", { ...JSON.parse(body), pipelines: [{ name: "p", processors: [], outputs: [] }] });
    // Refused by role, by content, and because nothing is there: nothing was written, so nothing is audited.
    expect((await control.call("POST", "/publish", bearer(of.read))).status).toBe(403);
    expect((await control.call("DELETE", "/rules/none", bearer(of.write))).status).toBe(404);
    const text = readFileSync(join(control.directory, "audit.jsonl"), "utf8");
    const entries = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(entries.map(({ action, what }) => [action, what])).toEqual([
      ["rule_add", { rule: "a", type: "redact" }],
      ["rule_add", { rule: "b", type: "redact", before: "a" }],
      ["rule_replace", { rule: "b", type: "redact" }],
      ["promote", { rule: "b" }],
      ["output_add", { output: "out", type: "http" }],
      ["output_replace", { output: "out", type: "http" }],
      ["output_test", { output: "out", type: "http" }],
      ["batch_size", { batch_size: 7 }],
      ["publish", { of: "draft", rules: 2, warnings: [] }],
      ["rule_remove", { rule: "a" }],
      ["output_remove", { output: "out" }],
      ["output_add", { output: "out", type: "http" }],
      ["outputs_clear", { outputs: ["out"] }],
      ["publish", { of: "version", rules: 2, warnings: [], rollback_of: "1" }],
      ["publish", { of: "manifest", rules: 0, warnings: [] }],
      ["weaken", { rule: "b", how: "deleted" }],
      ["weaken", { rule: "a", how: "deleted" }],
    ]);
    for (const { who, time } of entries) {
      expect(who).toEqual({ name: "write-token", address: "127.0.0.1" });
      expect(Date.parse(time)).toBeGreaterThan(0);
    }
    expect(text).not.toContain(secret);
    for (const token of Object.values(of)) expect(text).not.toContain(token);
  });

  it("has a line for every route that a token of role read may not call, or the route is known to write nothing", () => {
    const writes = Object.entries(routeAccess).filter(([key, access]) => access === "write" && !key.startsWith("GET "));
    const silent = ["POST /rules/preview", "POST /rules/test"];
    const audited = [
      "POST /rules",
      "PUT /rules/:id",
      "DELETE /rules/:id",
      "POST /rules/:id/promote",
      "POST /outputs",
      "DELETE /outputs",
      "PUT /outputs/:id",
      "DELETE /outputs/:id",
      "POST /outputs/:id/test",
      "POST /config/batch_size",
      "POST /publish",
      "PUT /manifest",
      "POST /versions/:version/rollback",
    ];
    expect(writes.map(([key]) => key).toSorted()).toEqual([...silent, ...audited].toSorted());
  });

  it("that cannot be written lets nothing be changed", async () => {
    control = await Control.start();
    mkdirSync(join(control.directory, "audit.jsonl"));
    const body = JSON.stringify({ id: "a", type: "filter", params: { value: "x" } });
    expect((await control.call("POST", "/rules", { headers: json, body })).status).toBe(500);
    expect(JSON.parse((await control.call("GET", "/rules")).body)).toEqual([]);
    expect((await control.call("POST", "/publish")).status).toBe(500);
    expect(control.published).toEqual([]);
  });
});
