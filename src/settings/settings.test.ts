/** Settings from flags, variables and defaults, and the refusals. */

import { totalmem } from "node:os";
import { describe, expect, it } from "vitest";
import { StreamGateError } from "../errors.ts";
import { syslogField } from "../plan/syslog_field.ts";
import { readSettings, settingKeys, settingSchema, spellings } from "./settings.ts";

const refusal = (flags: Record<string, string>, env: Record<string, string> = {}) => {
  try {
    readSettings({ flags, env });
  } catch (error) {
    expect(error).toBeInstanceOf(StreamGateError);
    expect((error as StreamGateError).code).toBe("SG_SETTING");
    return (error as StreamGateError).message;
  }
  throw new Error("it was accepted");
};

describe("settings", () => {
  it("have the ports of the contract by default, and no Redis", () => {
    const settings = readSettings();
    expect(settings).toMatchObject({ tcpPort: 8081, udpPort: 8082, controlPort: 8000, ringSlots: 10_000 });
    expect(settings).toMatchObject({
      ringBytes: 8 * 1024 * 1024,
      maxRecordBytes: 1024 * 1024,
      shutdownTimeoutMs: 10_000,
    });
    expect(settings.tcpFraming).toEqual({ kind: "auto" });
    expect(settings.workers).toBeGreaterThanOrEqual(1);
    for (const absent of ["host", "redisHost", "redisUrl", "engine", "token"])
      expect(settings).not.toHaveProperty(absent);
  });

  it("take the flag before the variable and the variable before the default", () => {
    const env = { TCP_PORT: "1", UDP_PORT: "2", REDIS_HOST: "" };
    const settings = readSettings({ flags: { tcpPort: "3" }, env });
    expect(settings).toMatchObject({ tcpPort: 3, udpPort: 2, controlPort: 8000 });
    expect(settings).not.toHaveProperty("redisHost");
  });

  it("read sizes, seconds and switches as people write them", () => {
    const env = { QUEUE_BYTES: "64k", RING_BYTES: "4MiB", SHUTDOWN_TIMEOUT: "2.5", SHARE_PORTS: "yes" };
    expect(readSettings({ env })).toMatchObject({
      queueBytes: 65_536,
      ringBytes: 4_194_304,
      shutdownTimeoutMs: 2500,
      sharePorts: true,
    });
    expect(readSettings({ flags: { sharePorts: true } }).sharePorts).toBe(true);
  });

  it("read a framing's delimiter with escapes, as bytes", () => {
    const framing = (text: string) => readSettings({ env: { TCP_FRAMING: text } }).tcpFraming;
    expect(framing("nul")).toEqual({ kind: "nul" });
    expect(framing("delimiter:\\r\\n\\x00\\\\é|")).toEqual({
      kind: "delimiter",
      delimiter: Uint8Array.of(13, 10, 0, 92, 0xc3, 0xa9, 124),
    });
  });

  it("read what to shard by: a key's name, or an attribute by its name or exact place", () => {
    const shardBy = (text: string) => readSettings({ env: { SHARD_BY: text } }).shardBy;
    expect(readSettings().shardBy).toEqual({ key: "none" });
    expect(shardBy("syslog.host")).toEqual({ key: "syslog", field: { code: syslogField.host, param: "" } });
    expect(shardBy("syslog.sd.origin.ip")).toEqual({
      key: "syslog",
      field: { code: syslogField.param, param: "origin.ip" },
    });
    expect(shardBy("attribute:app.kubernetes.io/name")).toEqual({
      key: "attribute",
      attribute: "app.kubernetes.io/name",
    });
    expect(shardBy("attribute:/tenant/id")).toEqual({ key: "attribute", path: "/tenant/id" });
  });

  it.each([
    [
      { shardBy: "host" },
      '--shard-by: "host" is no key to shard by; give none, source, syslog.FIELD, such as syslog.host, or attr',
    ],
    [{ shardBy: "syslog.hostname" }, "is no field of syslog; there are syslog.severity"],
    [{ shardBy: "syslog.sd.origin" }, "is no field of syslog"],
    [{ shardBy: "attribute:" }, "names no attribute"],
    [{ shardBy: "attribute:/a//b" }, "has an empty key"],
    [{ shardBy: `attribute:${"a.".repeat(100)}a` }, "leads through"],
    [{ tcpPort: "x" }, '--tcp-port: "x" is no whole number; give a whole number from 0 to 65535'],
    [{ tcpPort: "65536" }, "give a whole number from 0 to 65535"],
    [{ workers: "0" }, "--workers"],
    [{ engine: "fast" }, "give native or portable"],
    [{ ringBytes: "12q" }, '"12q" is no size'],
    [{ tcpFraming: "lines" }, '"lines" is no framing'],
    [{ tcpFraming: "datagram" }, "is no framing"],
    [{ tcpFraming: "delimiter:" }, "has no delimiter"],
    [{ tcpFraming: "delimiter:\\q" }, "unknown escape \\q"],
    [{ tcpFraming: `delimiter:${"x".repeat(17)}` }, "more than 16 bytes"],
    [{ shutdownTimeout: "soon" }, "--shutdown-timeout"],
    [{ redisUrl: "http://x" }, "redis:// or rediss://"],
    [{ redisUrl: "redis://x/second" }, "no database number"],
    [{ redisUrl: "redis://:50%off@x" }, "a % that begins no escape"],
  ])("refuse %o, naming the flag and what would fit", (flags, message) => {
    expect(refusal(flags as unknown as Record<string, string>)).toContain(message);
  });

  it("are read one by one where a command has only some, whatever the others say", () => {
    const env = { TCP_PORT: "x", STREAMGATE_ENGINE: "portable", RING_BYTES: "1" };
    expect(readSettings({ env }, ["engine"])).toEqual({ engine: "portable" });
    expect(readSettings({ env: { STREAMGATE_ENGINE: "" } }, ["engine"])).toEqual({});
  });

  it("refuse a ring that could not take every record", () => {
    expect(refusal({}, { RING_BYTES: "1MiB" })).toContain("RING_BYTES");
    expect(readSettings({ env: { RING_BYTES: "1MiB", MAX_RECORD_BYTES: "64k" } }).ringBytes).toBe(1_048_576);
  });

  it("refuse a memory budget that the other settings cannot keep to, and say what they need", () => {
    const few = { STREAMGATE_WORKERS: "1" };
    const needed = Number(/at least (\d+) bytes/.exec(refusal({}, { ...few, MEMORY_BUDGET: "64MiB" }))![1]);
    expect(readSettings({ env: { ...few, MEMORY_BUDGET: String(needed) } }).memoryBudget).toBe(needed);
    expect(refusal({}, { STREAMGATE_WORKERS: "2", MEMORY_BUDGET: String(needed) })).toContain("2 workers");
    expect(refusal({}, { ...few, MEMORY_BUDGET: String(needed), RING_BYTES: "512MiB" })).toContain("MEMORY_BUDGET");
    expect(refusal({}, { ...few, MEMORY_BUDGET: "1" })).toContain("MEMORY_BUDGET");
  });

  it("take a quarter of the memory there is by default, or what the other settings need", () => {
    const quarter = readSettings({ env: { STREAMGATE_WORKERS: "1" } }).memoryBudget;
    expect(quarter).toBeGreaterThan(128 * 1024 * 1024);
    expect(quarter).toBeLessThanOrEqual(Math.max(totalmem() / 4, 256 * 1024 * 1024));
    const env = { RING_BYTES: "512MiB", STREAMGATE_WORKERS: "32" };
    expect(readSettings({ env }).memoryBudget).toBeGreaterThan(16 * 1024 ** 3);
  });

  it("never repeat a token or a URL with a password", () => {
    expect(refusal({}, { REDIS_URL: "http://user:hunter2@host" })).not.toContain("hunter2");
  });

  it("have a description, a flag and a variable each", () => {
    for (const spelling of ["flag", "env"] as const)
      expect(new Set(settingKeys.map((key) => spellings[key][spelling])).size).toBe(settingKeys.length);
    for (const key of settingKeys) {
      expect(settingSchema(key).description).toMatch(/\.$/);
    }
  });
});
