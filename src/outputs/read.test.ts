/** Whatever is given for an output: it is read, or refused in words that name the place and repeat no secret. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StreamGateError } from "../errors.ts";
import { deliveryOf } from "./delivery_fields.ts";
import { describeOutput, outputSchema, outputTypes } from "./index.ts";
import { readOutput } from "./read.ts";
import { maskSecrets, resolveSecrets, restoreSecrets } from "./secrets_of_config.ts";

const read = { env: () => "-----BEGIN value", file: () => "-----BEGIN value" };

/** Examples of every type, with a few fields replaced by anything at all. */
const configs = fc.constantFrom(...outputTypes.values()).chain(({ type, examples }) => {
  const names = [...Object.keys(outputSchema(type)!.properties), "unknown", "x-api-key", "__proto__"];
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(
      "***",
      { env: "A" },
      { file: "/a" },
      { env: "A", file: "b" },
      "https://h/?token=abc",
      1,
      true,
    ),
    fc.record({ env: fc.string(), password: fc.string() }, { requiredKeys: [] }),
  );
  return fc
    .tuple(fc.constantFrom(...examples), fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 }))
    .map(([example, changes]) => ({ ...example, ...changes, type }) as Record<string, unknown>);
});

describe("readOutput", () => {
  it("reads or refuses whatever it is given, and what it has read can be shown, sent back, described", () => {
    let accepted = 0;
    fc.assert(
      fc.property(configs, (given) => {
        let config: ReturnType<typeof readOutput>;
        try {
          config = readOutput(given, "");
        } catch (error) {
          if (!(error instanceof StreamGateError)) throw error;
          expect(error.code).toBeOneOf(["SG_OUTPUT_PARAMS", "SG_CONDITION"]);
          expect(error.where).not.toBe("");
          return;
        }
        accepted++;
        expect(readOutput(config, "")).toEqual(config);
        const shown = maskSecrets(config);
        expect(restoreSecrets(shown, config)).toEqual(config);
        const output = describeOutput(resolveSecrets(config, read));
        const fields = deliveryOf(config, { output, batchSize: 100, queueBytes: 1 });
        expect(fields.payload.recordsMax).toBeLessThanOrEqual(output.limits.recordsMax);
        expect(fields.payload.bytesMax).toBeLessThanOrEqual(output.limits.bytesMax);
        expect(output.compressions).toContain(fields.compression);
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it("never repeats what was given for a secret when it refuses", () => {
    const secret = "hunter2\n";
    for (const given of [
      { type: "datadog", api_key: secret },
      { type: "datadog", api_key: [secret] },
      { type: "datadog", api_key: { env: 1, value: secret } },
      { type: "splunk_hec", url: "https://h", token: { [secret]: secret } },
      { type: "http", url: `https://u:${secret.trim()}@h` },
      { type: "http", url: "https://h", headers: { authorization: secret } },
      { type: "http", url: "https://h", auth: { bearer: { token: secret } } },
      { type: "http", url: "https://h", tls: { key: secret, cert: secret } },
      { type: "cloudwatch", region: "eu-central-1", log_group: "g", credentials: { secret_access_key: secret } },
    ]) {
      try {
        readOutput(given, "");
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(StreamGateError);
        expect(`${(error as StreamGateError).message} ${(error as Error).stack}`).not.toContain("hunter2");
      }
    }
  });
});
