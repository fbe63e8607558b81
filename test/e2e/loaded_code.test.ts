/**
 * Which packages a gate has loaded. Each costs memory in every thread that loads it (typebox 20 MB, undici 20, Redis' client 25,
 * the documentation 15), and one import too many brings it back without any test failing; hence this one.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { GrpcClient } from "../fixtures/grpc_client.ts";
import { engines, repository } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { until } from "../fixtures/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "streamgate-loaded-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(disposeGates);

/** With a gRPC client they take some 10 MB. */
const grpcPackages = ["@grpc/grpc-js", "@grpc/proto-loader", "@grpc/reflection", "grpc-health-check", "protobufjs"];

const { engine, skip, note } = engines.find(({ engine }) => engine === "native")!;

describe.skipIf(skip)(`a gate on ${engine}${note}`, () => {
  it("loads a package when something is configured or asked for that needs it, and in the thread that needs it", async () => {
    const path = join(folder, "loaded");
    writeFileSync(path, "");
    const gate = await Gate.start({
      engine,
      env: {
        NODE_OPTIONS: `--import=${pathToFileURL(join(repository, "test/fixtures/loaded_packages.mjs"))}`,
        STREAMGATE_TEST_LOADED: path,
      },
    });
    const loaded = (thread: "main" | "worker") =>
      readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line.startsWith(`${thread} `))
        .map((line) => line.slice(thread.length + 1));

    await gate.ok("POST", "/rules", { id: "drop", type: "filter", params: { value: "DEBUG" } });
    await gate.ok("POST", "/publish");
    await gate.send("DEBUG one\ntwo\n");
    expect(await gate.waitForLines(1)).toEqual(["two"]);
    expect(loaded("worker")).toEqual([]);
    expect(loaded("main")).toContain("fastify");
    for (const name of [
      "undici",
      "ioredis",
      "prom-client",
      "re2js",
      "@fastify/swagger",
      "@fastify/swagger-ui",
      "ajv",
      ...grpcPackages,
    ])
      expect(loaded("main")).not.toContain(name);

    const sink = await Sink.start();
    try {
      await gate.ok("POST", "/outputs", { type: "http", url: sink.url });
      await gate.ok("POST", "/publish");
      await gate.send("three\n");
      await until("the line arrives", () => sink.lines().length === 1);
      expect(loaded("worker")).toContain("undici");
      expect(loaded("main")).not.toContain("undici");
    } finally {
      await sink.close();
    }

    expect((await fetch(`${gate.url}/metrics`)).status).toBe(200);
    expect(loaded("main")).toContain("prom-client");

    expect((await fetch(`${gate.url}/docs`)).status).toBe(200);
    expect(loaded("main")).toContain("@fastify/swagger-ui");

    // Who looks whether the port is open is no client.
    expect((await fetch(`http://127.0.0.1:${await gate.grpcPort()}/`)).status).toBe(400);
    for (const name of grpcPackages) expect(loaded("main")).not.toContain(name);
    const client = await GrpcClient.connect(await gate.grpcPort());
    expect((await client.call("ListRules")).rules).toHaveLength(1);
    client.close();
    expect(loaded("main")).toEqual(expect.arrayContaining(grpcPackages));
    expect(loaded("worker")).not.toContain("@grpc/grpc-js");
  });
});
