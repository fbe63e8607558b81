/** The gRPC API over a real socket: every call and how it is refused, tokens, Watch, reflection, health, bounds. */

import { once } from "node:events";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Metadata } from "@grpc/grpc-js";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import { afterEach, describe, expect, it } from "vitest";
import type { GrpcClient, Message } from "../../../test/fixtures/grpc_client.ts";
import { GrpcControl, type GrpcControlOptions } from "../../../test/fixtures/grpc_control.ts";
import { temporaryDirectory } from "../../../test/fixtures/temporary_directory.ts";
import { until } from "../../../test/fixtures/wait.ts";
import { StreamGateError } from "../../errors.ts";
import { Authentication } from "../auth/authentication.ts";
import { type Role, roles } from "../auth/role.ts";
import { digestOf, newToken, tokenLine } from "../auth/token.ts";
import { accessOf } from "./admission.ts";

let gate: GrpcControl;
let client: GrpcClient;
async function start(options: GrpcControlOptions = {}) {
  gate = await GrpcControl.start(options);
  client = await gate.client();
}
afterEach(() => gate.close());

const ruleDebug = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
const ruleSsn = { id: "redact_ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "X" } };
const outputHttp = { type: "http", url: "http://localhost:9000" };
const add = (rule: object, more: object = {}) => client.call("AddRule", { rule_json: JSON.stringify(rule), ...more });
const ids = async () => (await client.call("ListRules")).rules.map(({ id }: { id: string }) => id);

describe("rules", () => {
  it("are listed, added at the end or before another, replaced in place, removed; each answer has the draft's tag", async () => {
    await start();
    expect(await client.call("ListRules")).toEqual({ rules: [], etag: '"d0"' });
    expect(await add(ruleSsn)).toEqual({
      rule: { id: "redact_ssn", type: "redact", json: JSON.stringify(ruleSsn) },
      etag: '"d1"',
    });
    await add(ruleDebug, { before: "redact_ssn" });
    expect(await ids()).toEqual(["drop_debug", "redact_ssn"]);
    const changed = { type: "filter", params: { value: "TRACE" }, note: { of: [1, "é"] } };
    const { rule } = await client.call("ReplaceRule", { id: "drop_debug", rule_json: JSON.stringify(changed) });
    expect(JSON.parse(rule.json)).toEqual({ id: "drop_debug", ...changed });
    expect(await client.call("RemoveRule", { id: "redact_ssn" })).toEqual({ etag: '"d4"' });
    expect(await ids()).toEqual(["drop_debug"]);
    expect(JSON.parse((await gate.control.call("GET", "/rules")).body)).toEqual([JSON.parse(rule.json)]);
  });

  it.each([
    ["a duplicate", "AddRule", { rule_json: JSON.stringify(ruleDebug) }, "ALREADY_EXISTS", "SG_RULE_DUPLICATE"],
    ["an unknown one before it", "AddRule", { rule_json: JSON.stringify(ruleSsn), before: "nope" }, "NOT_FOUND"],
    ["an unknown id", "RemoveRule", { id: "nope" }, "NOT_FOUND", "SG_RULE_MISSING"],
    ["an unknown id", "ReplaceRule", { id: "nope", rule_json: "{}" }, "NOT_FOUND", "SG_RULE_MISSING"],
    ["no JSON", "AddRule", { rule_json: '{"id":' }, "INVALID_ARGUMENT", "SG_INPUT"],
    ["nothing", "AddRule", {}, "INVALID_ARGUMENT", "SG_RULE_PARAMS"],
    ["deep nesting", "AddRule", { rule_json: "[".repeat(40) + "]".repeat(40) }, "INVALID_ARGUMENT", "SG_INPUT"],
    ["a stale tag", "RemoveRule", { id: "drop_debug", if_match: '"d7"' }, "ABORTED", "SG_CHANGED"],
  ])("refuse %s (%s) and stay as they are", async (_what, name, request, code, reason?: string) => {
    await start();
    await add(ruleDebug);
    const refusal = await client.refusal(name, request);
    expect([refusal.code, refusal.info?.reason]).toEqual([code, reason ?? "SG_RULE_MISSING"]);
    expect(await ids()).toEqual(["drop_debug"]);
  });

  it("say where, what and what to do, in the sentence and in the details", async () => {
    await start();
    const rule_json = JSON.stringify({ id: "x", type: "redact", params: { pattern: "[0-9", replacement: "" } });
    const refusal = await client.refusal("AddRule", { rule_json });
    expect(refusal).toEqual({
      code: "INVALID_ARGUMENT",
      details: expect.stringMatching(/^params\.pattern: RE2 refuses it: missing \]: \[0-9; close/),
      info: {
        reason: "SG_RULE_PATTERN",
        domain: "streamgate",
        metadata: {
          where: "params.pattern",
          what: "RE2 refuses it: missing ]: [0-9",
          fix: expect.stringContaining("close"),
        },
      },
    });
  });

  it("are refused in words that fit into trailers, however long or broken what was sent is", async () => {
    await start();
    for (const id of ["x".repeat(100_000), "é\n\u2028".repeat(30_000), "\ud800", "😀".repeat(200)]) {
      const { code, details, info } = await client.refusal("ReplaceRule", { id, rule_json: "{}" });
      expect([code, info?.reason]).toEqual(["NOT_FOUND", "SG_RULE_MISSING"]);
      expect(Buffer.byteLength(details)).toBeLessThanOrEqual(1000);
    }
  });
});

describe("outputs", () => {
  it("are listed, added, replaced, removed, and never show a secret", async () => {
    await start();
    const secret = { ...outputHttp, id: "siem", auth: { bearer: "hunter2" } };
    const added = await client.call("AddOutput", { output_json: JSON.stringify(secret) });
    expect(added).toMatchObject({ output: { id: "siem", type: "http" }, warnings: [], etag: '"d1"' });
    const shown = JSON.parse((await client.call("ListOutputs")).outputs[0].json);
    expect(shown.auth.bearer).toBe("***");
    const replaced = await client.call("ReplaceOutput", {
      id: "siem",
      output_json: JSON.stringify({ ...shown, tls: { insecure_skip_verify: true } }),
    });
    expect(replaced.warnings).toEqual([expect.stringContaining("not verified")]);
    await client.call("Publish");
    expect(JSON.stringify([added, shown, replaced, gate.control.logged])).not.toContain("hunter2");
    expect(JSON.stringify(gate.control.published[0])).toContain("hunter2");
    expect(await client.call("RemoveOutput", { id: "siem" })).toEqual({ etag: '"d3"' });
    expect((await client.call("ListOutputs")).outputs).toEqual([]);
  });

  it.each([
    ["ALREADY_EXISTS", "AddOutput", { output_json: JSON.stringify(outputHttp) }],
    ["NOT_FOUND", "ReplaceOutput", { id: "nope", output_json: JSON.stringify(outputHttp) }],
    ["NOT_FOUND", "RemoveOutput", { id: "nope" }],
    ["INVALID_ARGUMENT", "AddOutput", { output_json: '{"type":"pager"}' }],
    ["INVALID_ARGUMENT", "AddOutput", { output_json: "[]" }],
    ["ABORTED", "AddOutput", { output_json: '{"type":"console"}', if_match: '"d9"' }],
  ])("answer %s to %s of what is not right", async (code, name, request) => {
    await start();
    await client.call("AddOutput", { output_json: JSON.stringify(outputHttp) });
    expect((await client.refusal(name, request)).code).toBe(code);
    expect((await client.call("ListOutputs")).outputs).toHaveLength(1);
  });
});

describe("manifests and versions", () => {
  it("publish the draft, show it, take one whole, go back", async () => {
    await start();
    const before = await client.call("GetManifest");
    expect(before).toMatchObject({ manifest: { version: "0" }, etag: '"d0-v0"' });
    await add(ruleDebug);
    const { publication } = await client.call("Publish", { comment: "less noise" });
    expect(publication).toMatchObject({
      outcome: "OUTCOME_PUBLISHED",
      manifest: { version: "1" },
      subscribers_notified: 1,
      draft: "DRAFT_UNSPECIFIED",
      etag: '"d1-v1"',
    });
    const manifest = JSON.parse((await client.call("GetManifest")).manifest.json);
    expect(manifest.pipelines[0].processors).toEqual([ruleDebug]);

    manifest.pipelines[0].processors.push(ruleSsn);
    const put = { manifest_json: JSON.stringify({ ...manifest, owner: "platform" }), if_match: publication.etag };
    expect((await client.call("PutManifest", put)).publication).toMatchObject({
      outcome: "OUTCOME_PUBLISHED",
      manifest: { version: "2" },
      draft: "DRAFT_FOLLOWED",
    });
    expect(await ids()).toEqual(["drop_debug", "redact_ssn"]);
    const again = { manifest_json: put.manifest_json };
    expect((await client.call("PutManifest", again)).publication).toMatchObject({
      outcome: "OUTCOME_UNCHANGED",
      manifest: { version: "2" },
    });
    const back = (await client.call("Rollback", { version: 1, comment: "too much" })).publication;
    expect(back).toMatchObject({ manifest: { version: "3" }, draft: "DRAFT_FOLLOWED" });
    expect(back.weakened).toEqual([{ rule: "redact_ssn", how: "deleted", what: expect.any(String) }]);
    expect(JSON.parse(back.manifest.json).pipelines[0].processors).toEqual([ruleDebug]);

    const versions = JSON.parse((await gate.control.call("GET", "/versions")).body);
    expect(versions.map(({ author, comment }: Message) => [author, comment])).toEqual([
      ["local", "too much"],
      ["local", undefined],
      ["local", "less noise"],
    ]);
  });

  it.each([
    ["ABORTED", "Publish", { if_match: '"d7-v7"' }],
    ["ABORTED", "PutManifest", { manifest_json: '{"pipelines":[{}]}', if_match: "x" }],
    ["ABORTED", "Rollback", { version: 1, if_match: '"d0-v0"' }],
    ["NOT_FOUND", "Rollback", { version: 9 }],
    ["NOT_FOUND", "Rollback", {}],
    ["INVALID_ARGUMENT", "PutManifest", {}],
    ["INVALID_ARGUMENT", "PutManifest", { manifest_json: '{"pipelines":[]}' }],
    ["INVALID_ARGUMENT", "Publish", { comment: "x".repeat(1001) }],
    ["INVALID_ARGUMENT", "Publish", { wait: "soon" }],
  ])("answer %s to %s of what is not right, and nothing is published", async (code, name, request) => {
    await start();
    await client.call("Publish");
    expect((await client.refusal(name, request)).code).toBe(code);
    expect(gate.control.published).toHaveLength(1);
  });

  it("let one of two clients win that write at once, and tell the other", async () => {
    await start();
    const { etag } = await client.call("ListRules");
    const outcomes = await Promise.allSettled([add(ruleDebug, { if_match: etag }), add(ruleSsn, { if_match: etag })]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(await ids()).toHaveLength(1);
  });

  it("tell the status as GET /status does, and say so where there is none", async () => {
    await start();
    expect(await client.call("Status")).toEqual({
      ...{ version: "0", json: '{"version":"test"}' },
      planes_json: '[{"id":"a"}]',
    });
    await gate.close();
    const planes = async () => {
      throw new StreamGateError("SG_BUS_AWAY", { what: "connect ECONNREFUSED" });
    };
    await start({ status: async () => undefined, planes });
    expect(await client.call("Status")).toEqual({ version: "0", json: "", planes_json: "" });
  });
});

describe("Watch", () => {
  it("tells what runs, then each version, whoever publishes it, and the status between", async () => {
    await start();
    const watch = client.watch({ status_interval_seconds: 1 });
    expect(await watch.next()).toMatchObject({ version: { manifest: { version: "0" }, missed: 0 } });
    expect(await watch.next()).toMatchObject({ status: { version: "0", json: '{"version":"test"}' } });
    await gate.control.call("POST", "/publish");
    expect(await watch.nextVersion()).toMatchObject({ manifest: { version: "1" }, missed: 0 });
    await client.call("Publish");
    expect(await watch.nextVersion()).toMatchObject({ manifest: { version: "2" }, missed: 0 });
    expect(await watch.next()).toMatchObject({ status: { version: "2" } });
    watch.cancel();
    expect(await watch.ended).toMatchObject({ code: "CANCELLED" });
  });

  it("holds few versions for a client that does not read, and tells how many it did not", async () => {
    await start();
    // More than the 64 KiB that the other end takes of a stream that nobody reads.
    await client.call("PutManifest", { manifest_json: JSON.stringify({ pipelines: [{}], note: "x".repeat(200_000) }) });
    // grpc-js itself would read on and keep what nobody asks for.
    const session = connect(`http://127.0.0.1:${gate.listener.port}`);
    const { path, requestSerialize, responseDeserialize } = client.methods.Watch!;
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    stream.end(framed(requestSerialize({ versions_only: true })));
    await once(stream, "response");
    stream.pause();
    for (let i = 0; i < 20; i++) await client.call("Publish");
    let received = Buffer.alloc(0);
    const versions: string[] = [];
    let missed = 0;
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      received = Buffer.concat([received, chunk as Buffer]);
      while (received.length >= 5 && received.length >= 5 + received.readUInt32BE(1)) {
        const { version }: Message = responseDeserialize(received.subarray(5, 5 + received.readUInt32BE(1)));
        versions.push(version.manifest.version);
        missed += version.missed;
        received = received.subarray(5 + received.readUInt32BE(1));
      }
      if (versions.at(-1) === "21") break;
    }
    session.destroy();
    expect(versions.length).toBeLessThan(10);
    expect([versions[0], versions.length + missed]).toEqual(["1", 21]);
  });

  it("serves a bounded number of clients, and another one when one has gone", async () => {
    await start();
    const others = [client, await gate.client()];
    const watches = Array.from({ length: 32 }, (_, i) => others[i % 2]!.watch({ versions_only: true }));
    for (const watch of watches) await watch.next();
    const refused = await (await gate.client()).watch().ended;
    expect(refused).toMatchObject({ code: "RESOURCE_EXHAUSTED", details: expect.stringContaining("32 clients watch") });
    watches[7]!.cancel();
    await until("there is room again", async () => {
      const watch = (await gate.client()).watch({ versions_only: true });
      const isServed = await watch.next().then(
        () => true,
        () => false,
      );
      watch.cancel();
      return isServed;
    });
  });

  it("refuses an interval that is out of range", async () => {
    await start();
    expect(await client.watch({ status_interval_seconds: 3601 }).ended).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("ends at the client's deadline, and with UNAVAILABLE when the gate stops", async () => {
    await start();
    expect(await client.watch({}, { deadlineMs: 300 }).ended).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    const watch = client.watch();
    await watch.next();
    const closed = gate.listener.close(5_000);
    expect(await watch.ended).toMatchObject({
      code: "UNAVAILABLE",
      details: expect.stringContaining("the gate stops"),
    });
    await closed;
  });
});

describe("tokens", () => {
  const of: Record<Role, string> = { read: newToken(), write: newToken(), admin: newToken() };
  const lines: string[] = [];
  const log = { info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line) };
  let file: string;
  const startGuarded = async (entries: readonly Role[] = roles) => {
    file = join(temporaryDirectory("grpc-tokens"), "tokens");
    write(entries);
    await start({
      authentication: new Authentication({ controlHost: "localhost", controlAuth: "on", tokenFile: file }, log),
    });
  };
  const write = (entries: readonly Role[]) => {
    rmSync(file, { force: true });
    writeFileSync(
      file,
      entries.map((role) => tokenLine({ name: `${role}-token`, role, digest: digestOf(of[role]) })).join("\n"),
    );
    chmodSync(file, 0o600);
  };

  it("are asked for by every call of ours, before its message is looked at", async () => {
    await startGuarded();
    for (const name of Object.keys(client.methods)) {
      if (name === "Watch") continue;
      const refusal = await client.refusal(name);
      expect([name, refusal.code, refusal.info?.reason]).toEqual([name, "UNAUTHENTICATED", "SG_TOKEN"]);
    }
    expect((await client.refusal("Publish", {}, { token: newToken() })).code).toBe("UNAUTHENTICATED");
    expect((await client.watch().ended)?.code).toBe("UNAUTHENTICATED");
    expect(await client.raw(client.methods.Publish!.path, Buffer.from("no message"))).toMatchObject({
      code: "UNAUTHENTICATED",
    });
    expect(JSON.stringify([lines, gate.control.logged])).not.toContain(of.read);
  });

  it("let each role do what it may, and the token's name is the author", async () => {
    await startGuarded();
    for (const [name, { path }] of Object.entries(client.methods)) {
      expect(["read", "write"]).toContain(accessOf(path));
      if (accessOf(path) === "write")
        expect((await client.refusal(name, {}, { token: of.read })).info?.reason).toBe("SG_ROLE");
      else if (name !== "Watch") await client.call(name, {}, { token: of.read });
    }
    await client.call("Publish", {}, { token: of.write });
    const [{ author }] = JSON.parse((await gate.control.call("GET", "/versions")).body);
    expect(author).toBe("write-token");
  });

  it("that are withdrawn end what they began", async () => {
    await startGuarded();
    const watch = client.watch({ status_interval_seconds: 1 }, { token: of.read });
    await watch.next();
    write(["admin"]);
    expect(await watch.ended).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("are not asked for by reflection and health", async () => {
    await startGuarded();
    expect(await servicesOf(client)).toContain("streamgate.v1.ControlService");
    expect(await healthOf(client, "")).toBe("SERVING");
  });
});

describe("reflection", () => {
  it("lists the services, describes ours, and knows the details of errors", async () => {
    await start();
    expect(await servicesOf(client)).toEqual(["grpc.health.v1.Health", "streamgate.v1.ControlService"]);
    for (const symbol of ["streamgate.v1.ControlService", "google.rpc.ErrorInfo", "grpc.health.v1.Health"]) {
      const { file_descriptor_response: found } = await reflect(client, { file_containing_symbol: symbol });
      expect(found.file_descriptor_proto.length).toBeGreaterThan(0);
    }
    const { error_response } = await reflect(client, { file_containing_symbol: "nope" });
    expect(error_response.error_code).toBe(5);
  });
});

describe("health", () => {
  it("says of the process what /readyz says, of the service that it answers, and nothing of others", async () => {
    let isReady = true;
    await start({ readiness: () => isReady });
    expect([await healthOf(client, ""), await healthOf(client, "streamgate.v1.ControlService")]).toEqual([
      "SERVING",
      "SERVING",
    ]);
    isReady = false;
    expect([await healthOf(client, ""), await healthOf(client, "streamgate.v1.ControlService")]).toEqual([
      "NOT_SERVING",
      "SERVING",
    ]);
    await expect(healthOf(client, "nope")).rejects.toThrow(/NOT_FOUND/);
  });

  it("tells those who watch it when the gate stops", async () => {
    await start();
    const { path, requestSerialize, responseDeserialize } = healthService().Watch!;
    const call = client.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: "" });
    call.on("error", () => {});
    const told: Message[] = [];
    call.on("data", (answer: Message) => told.push(answer.status));
    await until("it is told once", () => told.length === 1);
    await gate.listener.close(200);
    expect(told).toEqual(["SERVING", "NOT_SERVING"]);
  });
});

describe("bounds", () => {
  it("refuses a message over 1 MiB, and takes one just below", async () => {
    await start();
    const { path } = client.methods.AddRule!;
    expect(await client.raw(path, Buffer.alloc(1024 * 1024 + 1))).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    const filler = " ".repeat(1024 * 1024 - 200);
    expect((await add({ ...ruleDebug, note: filler })).rule.id).toBe("drop_debug");
  });

  it("refuses bytes that are no message, and a call that does not exist", async () => {
    await start();
    const { path } = client.methods.AddRule!;
    expect(await client.raw(path, Buffer.from([0x0a, 0xff]))).toEqual({
      code: "INVALID_ARGUMENT",
      details: expect.stringContaining("AddRule: the message cannot be decoded"),
    });
    expect((await client.raw("/streamgate.v1.ControlService/Nope", Buffer.alloc(0))).code).toBe("UNIMPLEMENTED");
  });

  it("hides the words of its own faults, and logs them", async () => {
    await start({
      status: async () => {
        throw new Error("secret detail");
      },
    });
    const refusal = await client.refusal("Status");
    expect([refusal.code, JSON.stringify(refusal).includes("secret")]).toEqual(["INTERNAL", false]);
    expect(gate.control.logged.join()).toContain("secret detail");
  });

  it("lets anybody make a few open calls at once, and those who have a token theirs beside them", async () => {
    await start();
    const { path, requestSerialize, responseDeserialize } = healthService().Watch!;
    const codes: (number | undefined)[] = [];
    const others = [await gate.client(), await gate.client()];
    for (let i = 0; i < 40; i++) {
      const call = others[i % 2]!.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
      call.on("error", (error: { code?: number }) => codes.push(error.code));
      call.on("data", () => {});
    }
    await until("eight are refused", () => codes.length === 8);
    expect(new Set(codes)).toEqual(new Set([8]));
    expect((await client.call("GetManifest")).etag).toBe('"d0-v0"');
  });
});

/** A message as gRPC puts it into a stream: not compressed, its length, itself. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const packageRoot = (name: string) =>
  createRequire(import.meta.url)
    .resolve(name)
    .replace(/build\/src\/.*$/, "");
const options = { keepCase: true, enums: String, defaults: true, oneofs: true } as const;

function healthService(): ServiceDefinition {
  const file = `${packageRoot("grpc-health-check")}proto/health/v1/health.proto`;
  return loadSync(file, options)["grpc.health.v1.Health"] as ServiceDefinition;
}

function healthOf(from: GrpcClient, service: string): Promise<string> {
  const { path, requestSerialize, responseDeserialize } = healthService().Check!;
  return new Promise((resolve, reject) =>
    from.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service },
      new Metadata(),
      (error, answer) => (error === null ? resolve((answer as { status: string }).status) : reject(error)),
    ),
  );
}

function reflect(from: GrpcClient, request: object): Promise<Message> {
  const file = `${packageRoot("@grpc/reflection")}build/proto/grpc/reflection/v1/reflection.proto`;
  const service = loadSync(file, options)["grpc.reflection.v1.ServerReflection"] as ServiceDefinition;
  const { path, requestSerialize, responseDeserialize } = service.ServerReflectionInfo!;
  return new Promise((resolve, reject) => {
    const call = from.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const answers: Message[] = [];
    call.on("data", (answer: Message) => answers.push(answer));
    call.on("error", reject);
    // It has to end by itself when the client has said all.
    call.on("end", () => resolve(answers[0]));
    call.write(request);
    call.end();
  });
}

async function servicesOf(from: GrpcClient): Promise<string[]> {
  const { list_services_response } = await reflect(from, { list_services: "*" });
  return list_services_response.service.map(({ name }: { name: string }) => name).toSorted();
}
