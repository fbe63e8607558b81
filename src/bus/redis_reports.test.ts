/** What a data plane says of itself, through a real Redis. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { needsRedis, RedisServer } from "../../test/fixtures/redis.ts";
import { until } from "../../test/fixtures/wait.ts";
import type { PlaneReport } from "./plane_report.ts";
import { planeKeyPrefix, reportsChannel, reportThroughRedis } from "./redis_reports.ts";
import { redisTarget } from "./redis_target.ts";

const started = "2026-11-26T12:00:00.000Z";
const report: PlaneReport = {
  id: "edge-1",
  program: "0.1.0",
  engine: "native",
  workers: 1,
  started_at: started,
  reported_at: started,
};

describe.skipIf(needsRedis.skip)(`reports through Redis${needsRedis.note}`, () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.stop());

  it("send a notice with what is new, and none with what is said again: each is an occasion to read those of all planes", () =>
    server.with((client) =>
      server.with(async (listener) => {
        const heard: string[] = [];
        listener.on("message", (_, id) => heard.push(id));
        await listener.subscribe(reportsChannel);
        const reporter = reportThroughRedis(
          redisTarget({ redisHost: "127.0.0.1", redisPort: server.port })!,
          undefined,
          10,
        );
        const said = async () => (await client.get(planeKeyPrefix + report.id)) ?? undefined;
        reporter.report(report);
        let latest = await until("it is said", said);
        for (let again = 0; again < 3; again++)
          latest = await until("it is said again", async () => {
            const text = await said();
            return text !== latest && text;
          });
        expect(heard).toEqual([report.id]);
        reporter.report({ ...report, running: "2" });
        await until("the news is heard", () => heard.length === 2);
        await reporter.close();
        await until("the end is heard", () => heard.length === 3);
      }),
    ));
});
