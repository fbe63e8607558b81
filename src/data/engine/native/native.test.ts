/** The native boundary: what handles do when they are misused. What the engine does with records is in test/conformance/. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { addressBytes } from "../../../address.ts";
import type { Plan } from "../../../plan/operations.ts";
import { createRingMemory, ringHeader } from "../../ring/layout.ts";
import { loadAddon } from "../addon.ts";
import { Batch } from "../batch.ts";
import type { EngineKind } from "../engine.ts";
import { countCellsFixed, countCellsPerRule, frameCells, runResult } from "../layout.ts";
import { selectEngine } from "../select.ts";
import { nativeKind } from "./kind.ts";

const loaded = loadAddon();
const reason = "failures" in loaded ? `the addon does not load: ${loaded.failures.join("; ")}` : undefined;
if (reason !== undefined && process.env.CI !== undefined) throw new Error(reason);

const bytes = (text: string) => Buffer.from(text);
const plan: Plan = {
  rules: [
    { id: "drop_debug", type: "filter", class: "reduce" },
    { id: "ssn", type: "redact", class: "protect" },
  ],
  operations: [
    { name: "dropLiteral", rule: 0, flags: 0, args: [bytes("DEBUG")] },
    { name: "replacePattern", rule: 1, flags: 1, args: [bytes("\\d{3}-\\d{2}-\\d{4}"), bytes("XXX-XX-XXXX")] },
  ],
};
const freshCounts = () => new Float64Array(countCellsFixed + plan.rules.length * countCellsPerRule);

describe.skipIf(reason !== undefined)(`native handles${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  const kind = (): EngineKind => nativeKind((loaded as Extract<typeof loaded, { addon: unknown }>).addon);

  function parts(recordsMax = 100, bytesMax = 4096) {
    const engine = kind().createEngine();
    const prepared = kind().prepare(plan);
    const batch = new Batch(recordsMax, bytesMax);
    const losses = new Float64Array(frameCells);
    const framer = kind().createFramer({ kind: "auto" }, 1000, { transport: "tcp" }, losses);
    engine.use(prepared, freshCounts());
    engine.attach(batch);
    return { engine, prepared, batch, framer, losses };
  }
  const text = (batch: Batch) => batch.slice(0, batch.records).toString();

  it("run a chunk, a ring's block and the end of a stream", () => {
    const { engine, batch, framer } = parts();
    const ring = kind().openRing(createRingMemory(65_536, 10), 0);
    const chunk = bytes("one\nDEBUG two\nssn 123-45-6789\nend");
    expect(engine.runChunk(framer, chunk, 0, 0)).toBe(chunk.length);
    expect(engine.runEnd(framer, 0)).toBe(true);
    expect(text(batch)).toBe("one\nssn XXX-XX-XXXX\nend\n");
    expect(ring.pushChunk(framer, chunk, 0, 0)).toBe(chunk.length);
    expect(ring.pushEnd(framer, 0)).toBe(true);
    batch.clear();
    expect([engine.runBlock(ring), engine.runBlock(ring), engine.runBlock(ring)]).toEqual([
      runResult.done,
      runResult.done,
      runResult.empty,
    ]);
    expect(text(batch)).toBe("one\nssn XXX-XX-XXXX\nend\n");
  });

  it("close twice without harm, and refuse with SG_ENGINE_CLOSED afterwards", () => {
    const { engine, prepared, framer, batch } = parts();
    const ring = kind().openRing(createRingMemory(65_536, 10), 0);
    for (const handle of [engine, prepared, framer, ring]) {
      handle.close();
      handle.close();
    }
    const closed = expect.objectContaining({ name: "StreamGateError", code: "SG_ENGINE_CLOSED" });
    const other = parts();
    for (const use of [
      () => engine.use(other.prepared, freshCounts()),
      () => engine.attach(batch),
      () => engine.runChunk(other.framer, bytes("a\n"), 0, 0),
      () => engine.runBlock(kind().openRing(createRingMemory(65_536, 10), 0)),
      () => other.engine.use(prepared, freshCounts()),
      () => other.engine.runChunk(framer, bytes("a\n"), 0, 0),
      () => other.engine.runEnd(framer, 0),
      () => other.engine.runBlock(ring),
      () => ring.isEmpty(),
      () => ring.blocks,
      () => ring.pushChunk(other.framer, bytes("a\n"), 0, 0),
      () => ring.pushBatch(batch, 0, 0),
      () => ring.skipAbandoned(true),
    ])
      expect(use).toThrow(closed);
    expect(framer.pendingBytes).toBe(0);
  });

  it("keep a plan alive that is closed while an engine uses it", () => {
    const { engine, prepared, batch, framer } = parts();
    prepared.close();
    engine.runChunk(framer, bytes("DEBUG\nx\n"), 0, 0);
    expect(text(batch)).toBe("x\n");
  });

  it("refuse memory that is no ring, no batch, or too few counts with SG_LAYOUT", () => {
    const { engine, prepared, framer } = parts();
    const misfit = expect.objectContaining({ name: "StreamGateError", code: "SG_LAYOUT" });
    const otherVersion = createRingMemory(65_536, 10);
    new Uint32Array(otherVersion)[ringHeader.offsets.version / 4] = 2;
    const overfull = new Batch(2, 64);
    overfull.words[2] = 3;
    for (const use of [
      () => kind().openRing(new SharedArrayBuffer(0), 0),
      () => kind().openRing(new SharedArrayBuffer(2048), 0),
      () => kind().openRing(otherVersion, 0),
      () => kind().openRing(createRingMemory(65_536, 10), 64),
      () => kind().openRing(createRingMemory(65_536, 10), -1),
      () => engine.attach({ memory: new ArrayBuffer(10) } as Batch),
      () => engine.attach({ memory: createRingMemory(65_536, 1) } as unknown as Batch),
      () => engine.attach(overfull),
      () => engine.use(prepared, new Float64Array(countCellsFixed)),
      () => engine.runChunk(framer, bytes("abc"), 4, 0),
      () => engine.runChunk(framer, "abc" as unknown as Uint8Array, 0, 0),
      () => engine.runChunk({ handle: prepared } as never, bytes("abc"), 0, 0),
      () => engine.runBlock({ handle: {} } as never),
      () => kind().createFramer({ kind: "delimiter", delimiter: bytes("") }, 10, { transport: "tcp" }, freshCounts()),
      () => kind().createFramer({ kind: "auto" }, 0, { transport: "tcp" }, freshCounts()),
      () => kind().createFramer({ kind: "auto" }, 10, { transport: "tcp" }, new Float64Array(1)),
    ])
      expect(use).toThrow(misfit);
  });

  it("refuse to write a batch whose memory was transferred away", () => {
    const { engine, batch, framer } = parts();
    structuredClone(batch.memory, { transfer: [batch.memory] });
    expect(() => engine.runChunk(framer, bytes("a\n"), 0, 0)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
  });

  it("refuse to run before a plan and a batch are there", () => {
    const { framer } = parts();
    const engine = kind().createEngine();
    expect(() => engine.runChunk(framer, bytes("a\n"), 0, 0)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
  });

  it("refuse a record that is larger than the whole ring instead of waiting for ever", () => {
    const framer = kind().createFramer(
      { kind: "newline" },
      1 << 20,
      { transport: "tcp" },
      new Float64Array(frameCells),
    );
    const ring = kind().openRing(createRingMemory(65_536, 10), 0);
    const chunk = Buffer.alloc(70_000, "a");
    chunk[69_999] = 10;
    expect(() => ring.pushChunk(framer, chunk, 0, 0)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
  });

  it("stop at a full batch, say what the next record needs, and go on from there", () => {
    const { engine, framer } = parts();
    const chunk = bytes("one\ntwo\nthree hundred\nssn 123-45-6789\n");
    let all = "";
    let at = 0;
    let needed = 8;
    for (let rounds = 0; at < chunk.length && rounds < 10; rounds++) {
      const batch = new Batch(2, Math.max(8, needed));
      engine.attach(batch);
      at = engine.runChunk(framer, chunk, at, 0);
      needed = engine.needBytes;
      all += text(batch);
    }
    expect(all).toBe("one\ntwo\nthree hundred\nssn XXX-XX-XXXX\n");
  });

  it("name the rule whose pattern RE2 refuses, in RE2's words", () => {
    const refused: Plan = {
      rules: plan.rules,
      operations: [{ name: "dropPattern", rule: 1, flags: 0, args: [bytes("a(?=b)")] }],
    };
    expect(() => kind().prepare(refused)).toThrow(
      expect.objectContaining({ code: "SG_RULE_PATTERN", where: 'rule "ssn"', what: expect.stringContaining("(?=") }),
    );
    expect(kind().checkPattern("a(?=b)")).toEqual({ ok: false, message: "invalid perl operator: (?=" });
    expect(kind().checkPattern("(a)(?P<name>b)")).toEqual({ ok: true, groups: 2 });
  });

  it("push records of a batch as they lie", () => {
    const { engine, batch, framer } = parts();
    engine.runChunk(framer, bytes("one\ntwo\nthree\n"), 0, 0);
    const ring = kind().openRing(createRingMemory(65_536, 10), 0);
    expect(ring.pushBatch(batch, 1, 3)).toBe(3);
    expect(() => ring.pushBatch(batch, 1, 4)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
    batch.clear();
    expect(engine.runBlock(ring)).toBe(runResult.done);
    expect(text(batch)).toBe("two\nthree\n");
    expect(ring.isEmpty()).toBe(true);
  });
});

// Every kernel gives the same answers, so a fault in choosing one would stay unseen: this is where it shows.
const kernel = "addon" in loaded ? `${loaded.addon.versions().kernel} runs here` : `skipped: ${reason}`;
describe.skipIf(reason !== undefined)(`scan kernels (${kernel})`, () => {
  const kernelUnder = (simd: string | undefined) => {
    const file = new URL("../../../../dist/native/streamgate.node", import.meta.url).pathname;
    const { STREAMGATE_SIMD: _, ...env } = process.env;
    const script = "process.stdout.write(require(process.argv[1]).versions().kernel)";
    const child = spawnSync(process.execPath, ["-e", script, file], {
      encoding: "utf8",
      env: simd === undefined ? env : { ...env, STREAMGATE_SIMD: simd },
    });
    return child.stdout;
  };
  const cpuHas = (flag: string) =>
    new RegExp(`^flags\\s*:.*\\b${flag}\\b`, "m").test(readFileSync("/proc/cpuinfo", "utf8"));

  it.skipIf(process.platform !== "linux" || process.arch !== "x64")(
    "are chosen by what the processor has (needs x86-64 Linux)",
    () => {
      expect(kernelUnder(undefined)).toBe(cpuHas("avx2") ? "avx2" : cpuHas("ssse3") ? "v128" : "scalar");
    },
  );

  it("are what STREAMGATE_SIMD says, where the processor has it", () => {
    expect(kernelUnder("scalar")).toBe("scalar");
    expect(kernelUnder("no such kernel")).toBe(kernelUnder(undefined));
  });

  it("are warned about when STREAMGATE_SIMD names one that does not run", async () => {
    vi.stubEnv("STREAMGATE_SIMD", "avx512");
    const { warning } = await selectEngine("native");
    vi.unstubAllEnvs();
    expect(warning).toMatch(/^STREAMGATE_SIMD: avx512 is no kernel .*; (scalar|v128|avx2) runs; choose /);
  });
});

describe("addressBytes", () => {
  it.each([
    ["127.0.0.1", "7f000001"],
    ["::1", "00000000000000000000000000000001"],
    ["::", "00000000000000000000000000000000"],
    ["2001:db8::a:b", "20010db80000000000000000000a000b"],
    ["::ffff:1.2.3.4", "01020304"],
    ["64:ff9b::1.2.3.4", "0064ff9b000000000000000001020304"],
    ["fe80::1%eth0", "fe800000000000000000000000000001"],
  ])("reads %s", (address, hex) => {
    expect(Buffer.from(addressBytes(address)!).toString("hex")).toBe(hex);
  });
  it("knows no names", () => {
    expect(addressBytes("localhost")).toBeUndefined();
  });
});
