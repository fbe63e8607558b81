/** One record to an output, and what is told of it: what `POST /outputs/{id}/test` stands on. */

import { afterEach, describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { Datadog } from "../../../test/fixtures/vendors/datadog.ts";
import { SplunkHec } from "../../../test/fixtures/vendors/splunk_hec.ts";
import { readOutput } from "../../outputs/read.ts";
import { tryOutput } from "./trial.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function started<T extends { close(): Promise<unknown> }>(server: Promise<T>): Promise<T> {
  closers.push(async () => (await server).close());
  return server;
}

for (const kind of engines()) {
  describe(`a trial on ${kind.name}`, () => {
    const env: Record<string, string> = {};
    const attempt = (config: object) =>
      tryOutput(readOutput(config, ""), {
        allowMetadata: false,
        kind,
        read: { env: (name) => env[name], file: () => "" },
        now: () => 1_700_000_000_000,
      });

    it("delivers one record that says what it is, with the output's secrets and compression", async () => {
      const datadog = await started(Datadog.start());
      env.DD = datadog.apiKey;
      const trial = await attempt({ type: "datadog", id: "dd", api_key: { env: "DD" }, endpoint: datadog.url });
      expect(trial).toMatchObject({ status: "delivered", http_status: 202, verdict: { kind: "acked" } });
      expect(datadog.messages()).toEqual(["StreamGate test record for output dd"]);
      expect(datadog.violations).toEqual([]);
    });

    it("tells what the destination said, without the secret that it repeats", async () => {
      const datadog = await started(Datadog.start());
      env.DD = "wrong-key";
      datadog.answerWith({ status: 403, headers: {}, body: "no such key: wrong-key" });
      const trial = await attempt({ type: "datadog", id: "dd", api_key: { env: "DD" }, endpoint: datadog.url });
      expect(trial).toMatchObject({
        status: "refused",
        http_status: 403,
        answer: "no such key: ***",
        verdict: { kind: "retry", alert: expect.stringContaining("HTTP 403") },
      });
    });

    it("counts what is taken and not yet acknowledged as delivered", async () => {
      const splunk = await started(SplunkHec.start({ ack: true }));
      const trial = await attempt({ type: "splunk_hec", id: "s", url: splunk.url, token: splunk.token, ack: true });
      expect(trial).toMatchObject({ status: "delivered", verdict: { kind: "confirm", token: "0" } });
      expect(splunk.events()).toEqual(["StreamGate test record for output s"]);
    });

    it("says that nobody answers, and by which code", async () => {
      const datadog = await Datadog.start();
      const url = datadog.url;
      await datadog.close();
      const trial = await attempt({ type: "http", id: "h", url });
      expect(trial).toMatchObject({ status: "unreachable", answer: "ECONNREFUSED" });
    });

    it("refuses where a secret cannot be read, and where nobody is asked", async () => {
      delete env.DD;
      await expect(attempt({ type: "datadog", id: "dd", api_key: { env: "DD" } })).rejects.toMatchObject({
        code: "SG_OUTPUT_SECRET",
      });
      await expect(attempt({ type: "console", id: "c" })).rejects.toMatchObject({ code: "SG_OUTPUT_PARAMS" });
    });
  });
}
