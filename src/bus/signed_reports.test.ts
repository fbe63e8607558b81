/** Signed reports of data planes: which are taken, over a real Redis too, and that whoever writes there cannot speak for a plane. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { needsRedis, RedisServer } from "../../test/fixtures/redis.ts";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import { until } from "../../test/fixtures/wait.ts";
import type { PlaneReport } from "./plane_report.ts";
import { planeKeyPrefix, planesKey, reportsThroughRedis, reportThroughRedis } from "./redis_reports.ts";
import { redisTarget } from "./redis_target.ts";
import { SignedReports } from "./signed_reports.ts";

const key = "k".repeat(32);
const logged: string[] = [];
const log = { info: () => {}, warn: (line: string) => void logged.push(line) };
afterEach(() => void logged.splice(0));

function report(id: string, second = 0, more: Partial<PlaneReport> = {}): PlaneReport {
  const at = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  const fixed = { program: "1", engine: "native", workers: 1, started_at: at };
  return { id, ...fixed, reported_at: at, running: "1", ...more };
}

/** @returns ids of those that are taken */
const taken = (signed: SignedReports, texts: Record<string, string>) =>
  signed.admit(
    Object.entries(texts).map(([id, text]) => ({ id, text })),
    log,
  );

describe("a report of a data plane", () => {
  it("is taken as it was signed, and shown without its signature", () => {
    const text = new SignedReports(key).sign(report("a", 0, { lag_ms: 1.5, refused: undefined! }));
    expect(JSON.parse(text).signature).toMatchObject({ algorithm: "HMAC-SHA-256" });
    expect(taken(new SignedReports(key), { a: text })).toEqual([report("a", 0, { lag_ms: 1.5 })]);
    expect(logged).toEqual([]);
  });

  it("is not taken when it is unsigned, altered, of another key, another plane's, or signed as something else", () => {
    const signed = new SignedReports(key);
    const text = signed.sign(report("a"));
    const { signature, ...rest } = JSON.parse(text);
    const bad = [
      JSON.stringify(report("a")),
      JSON.stringify({ ...rest, running: "2", signature }),
      JSON.stringify({ ...rest, more: 1, signature }),
      JSON.stringify({ ...rest, signature: { ...signature, value: "" } }),
      JSON.stringify({ ...rest, signature: "x" }),
      new SignedReports("o".repeat(32)).sign(report("a")),
      signed.sign(report("b")),
    ];
    for (const one of bad) expect(taken(new SignedReports(key), { a: one }), one).toEqual([]);
    expect(taken(new SignedReports(key), { a: "no JSON", b: "" })).toEqual([]);
  });

  it("that is not taken is told of once a minute", () => {
    const signed = new SignedReports(key);
    for (let looks = 0; looks < 3; looks++)
      taken(signed, { a: JSON.stringify(report("a")), "b\n": JSON.stringify(report("b")) });
    expect(logged).toEqual([
      expect.stringMatching(/^2 reports of data planes are not taken.*not signed with MANIFEST_KEY.* "a": /),
    ]);
  });

  it("is not taken when its plane has said a later one, nor when nobody says it anew for a minute", () => {
    let nowMs = 0;
    const signed = new SignedReports(key, () => nowMs);
    const [first, second] = [signed.sign(report("a", 1)), signed.sign(report("a", 2))];
    const ids = (text: string) => taken(signed, { a: text }).map(({ reported_at }) => reported_at);
    expect(ids(first).length).toBe(1);
    expect(ids(second).length).toBe(1);
    expect(logged).toEqual([]);
    for (let looks = 0; looks < 2; looks++) expect(ids(first)).toEqual([]);
    // A plane that was started again with its clock set back looks like this, too: somebody has to hear of it.
    expect(logged).toEqual([
      expect.stringMatching(/^1 reports .* has said a later one; one is under the id "a": .*clock/),
    ]);
    nowMs = 50_000;
    expect(ids(second).length).toBe(1);
    nowMs = 70_000;
    expect(ids(second)).toEqual([]);
    expect(ids(signed.sign(report("a", 3))).length).toBe(1);
  });

  it("may be of any of the keys in a file, which is read again", () => {
    const file = join(temporaryDirectory("manifest-keys"), "keys");
    writeFileSync(file, `${key}\n`);
    const signed = new SignedReports(`file:${file}`);
    const next = new SignedReports("n".repeat(32)).sign(report("a", 1));
    expect(taken(signed, { a: next })).toEqual([]);
    writeFileSync(file, `${key}\n${"n".repeat(32)}\n`);
    expect(taken(signed, { a: next }).length).toBe(1);
    // While it cannot be read the keys from before go on.
    writeFileSync(file, "");
    expect(taken(signed, { a: signed.sign(report("a", 2)) }).length).toBe(1);
  });
});

describe.skipIf(needsRedis.skip)(`signed reports in Redis${needsRedis.note}`, () => {
  it("are of planes that have the key; what others put there is not heard", async () => {
    const server = await RedisServer.start();
    const target = redisTarget({ redisHost: "127.0.0.1", redisPort: server.port })!;
    const reporters = [reportThroughRedis(target, new SignedReports(key)), reportThroughRedis(target)];
    const [reports, unguarded] = [
      reportsThroughRedis(target, log, new SignedReports(key)),
      reportsThroughRedis(target, log),
    ];
    try {
      reporters[0]!.report(report("signed"));
      reporters[1]!.report(report("unsigned"));
      const idsOf = async (from: typeof reports) => (await from.list().catch(() => [])).map(({ id }) => id).sort();
      await until("both have said something", async () => (await idsOf(unguarded)).length === 2);
      await until("the one with the key is heard", async () => (await idsOf(reports)).length === 1);
      expect(await idsOf(reports)).toEqual(["signed"]);
      await server.with(async (client) => {
        const text = (await client.get(`${planeKeyPrefix}signed`))!;
        await client.set(`${planeKeyPrefix}forged`, text.replaceAll("signed", "forged"));
        await client.set(`${planeKeyPrefix}copied`, text);
        for (const id of ["forged", "copied"]) await client.zadd(planesKey, Date.now(), id);
      });
      expect(await idsOf(reports)).toEqual(["signed"]);
      for (const one of await unguarded.list()) expect(one).not.toHaveProperty("signature");
      // Said twice in a moment, it is said later the second time.
      reporters[0]!.report(report("signed", 0, { running: "2" }));
      reporters[0]!.report(report("signed", 0, { running: "3" }));
      await until("the newest is heard", async () => (await reports.list())[0]?.running === "3");
    } finally {
      await Promise.all([...reporters, reports, unguarded].map((one) => one.close()));
      await server.stop();
    }
  });
});
