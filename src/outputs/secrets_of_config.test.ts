/** Secrets in configurations: never shown, kept when they come back hidden, read from where they stand, never told in an error. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StreamGateError } from "../errors.ts";
import { describeOutput, outputTypes } from "./index.ts";
import type { OutputConfig } from "./output.ts";
import { readOutput } from "./read.ts";
import { maskSecrets, resolveSecrets, restoreSecrets, type SecretReader, withoutSecrets } from "./secrets_of_config.ts";

const pem = "-----BEGIN PRIVATE KEY-----\nMIIsecretkey\n-----END PRIVATE KEY-----\n";
const certificate = "-----BEGIN CERTIFICATE-----\nMIIpublic\n-----END CERTIFICATE-----\n";

/** One of each type, with a secret in every place that can hold one. */
const configs = {
  http: {
    type: "http",
    url: "https://h/in?tenant=7&api_key=s-url&x=1#f",
    headers: {
      "x-api-key": "s-key",
      Cookie: "s-cookie",
      "Proxy-Authorization": "s-proxy",
      "x-auth-token": "s-token",
      "client-secret": "s-client",
      "x-password": "s-password",
      "x-team": "core",
      "x-env-token": { env: "TOKEN" },
    },
    auth: { basic: { user: "u", password: "s-basic" } },
    tls: { ca: certificate, cert: certificate, key: pem },
    old_token: "s-unknown",
    later: { nested: [{ password: "s-deep" }] },
  },
  bearer: { type: "http", url: "https://h", auth: { bearer: "s-bearer" } },
  datadog: { type: "datadog", api_key: "s-dd", endpoint: "https://proxy/", tags: ["token:not-one"] },
  splunk_hec: { type: "splunk_hec", url: "https://h:8088", token: "s-hec", fields: { token: "an-indexed-field" } },
  cloudwatch: {
    type: "cloudwatch",
    region: "eu-central-1",
    log_group: "g",
    credentials: { access_key_id: "s-id", secret_access_key: "s-secret", session_token: "s-session" },
  },
  console: { type: "console", filter: { field: "token", equals: "s3t" } },
} as const;

const noReader: SecretReader = {
  env: () => undefined,
  file: () => {
    throw new Error("nothing is read here");
  },
};

describe("maskSecrets", () => {
  it("shows no secret of any output", () => {
    for (const config of Object.values(configs)) {
      const shown = JSON.stringify(maskSecrets(readOutput(config, "")));
      expect(shown).not.toMatch(/s-[a-z]/);
      expect(shown).not.toContain("MIIsecretkey");
    }
  });

  it("shows everything else: references, certificates, names, conditions, plain headers", () => {
    expect(maskSecrets(configs.http)).toMatchObject({
      url: "https://h/in?tenant=7&api_key=***&x=1#f",
      headers: { "x-api-key": "***", "x-team": "core", "x-env-token": { env: "TOKEN" } },
      auth: { basic: { user: "u", password: "***" } },
      tls: { ca: certificate, cert: certificate, key: "***" },
    });
    expect(maskSecrets(configs.console)).toEqual(configs.console);
    expect(maskSecrets(configs.datadog)).toEqual({ ...configs.datadog, api_key: "***" });
    expect(maskSecrets(configs.splunk_hec)).toEqual({ ...configs.splunk_hec, token: "***" });
    const byReference = { type: "datadog", api_key: { file: "/run/secrets/k" } };
    expect(maskSecrets(byReference)).toEqual(byReference);
  });

  it("leaves the configuration itself as it was, and masks its own result to the same", () => {
    for (const config of Object.values(configs)) {
      const before = JSON.stringify(config);
      const shown = maskSecrets(config);
      expect(JSON.stringify(config)).toBe(before);
      expect(maskSecrets(shown)).toEqual(shown);
    }
  });

  it("hides whatever the secret is, in each type's every secret place", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6 }), (text) => {
        const needle = `~${text}~`;
        const shown = maskSecrets({ type: "datadog", api_key: needle, site: "x" });
        expect(JSON.stringify(shown)).not.toContain(JSON.stringify(needle).slice(1, -1));
      }),
    );
  });
});

describe("what comes back hidden", () => {
  it("is the stored secret again", () => {
    for (const config of Object.values(configs))
      expect(restoreSecrets(structuredClone(maskSecrets(config)), config)).toEqual(config);
  });

  it("gives way to a new one, field by field", () => {
    const given = { ...maskSecrets(configs.cloudwatch), log_group: "other" } as Record<string, unknown>;
    given.credentials = { access_key_id: "new", secret_access_key: "***", session_token: { env: "SESSION" } };
    expect(restoreSecrets(given, configs.cloudwatch)).toEqual({
      ...configs.cloudwatch,
      log_group: "other",
      credentials: { access_key_id: "new", secret_access_key: "s-secret", session_token: { env: "SESSION" } },
    });
  });

  it("is refused where nothing is stored, whatever is sent back", () => {
    const refused = [
      restoreSecrets({ type: "datadog", api_key: "***" }, { type: "datadog", api_key: { env: "DD" } }),
      restoreSecrets({ type: "http", url: "https://h", auth: { bearer: "***" } }, configs.http),
      { type: "http", url: "https://h", headers: { authorization: "***" } },
    ];
    for (const config of refused) {
      expect(() => readOutput(config, "")).toThrow(
        expect.objectContaining({ code: "SG_OUTPUT_PARAMS", fix: expect.stringContaining("give the secret") }),
      );
    }
    const accepted = { type: "http", url: "https://h/***", headers: { accept: "***" } };
    expect(readOutput(accepted, "")).toEqual(accepted);
    for (const odd of [null, 7, "x", [], { type: [] }]) expect(restoreSecrets(odd, configs.http)).toEqual(odd);
  });
});

describe("a secret that comes back hidden for another destination", () => {
  const hec = { type: "splunk_hec", url: "https://h:8088", token: "s-hec" };
  const dd = { type: "datadog", api_key: "s-dd" };
  const proxied = { ...dd, endpoint: "https://proxy/a" };
  const key = { type: "http", url: "https://h/in", headers: { "x-api-key": "s-key", "x-team": "core" } };
  const basic = { type: "http", url: "https://h/in", auth: { basic: { user: "u", password: "s-basic" } } };
  const queried = { type: "http", url: "https://h/in?token=s-url", tls: { cert: certificate, key: pem } };
  const unknown = { type: "http", url: "https://h", later: [{ password: "s-deep" }] };
  const cases: [string, OutputConfig, Record<string, unknown>, string][] = [
    ["host", hec, { url: "https://attacker:8088" }, "token"],
    ["port", hec, { url: "https://h:8089" }, "token"],
    ["scheme", hec, { url: "http://h:8088" }, "token"],
    ["user name that looks like the host", hec, { url: "https://h:8088@attacker" }, "token"],
    ["no URL", hec, { url: "attacker" }, "token"],
    ["URL that is no text", hec, { url: ["https://h:8088"] }, "token"],
    ["URL left out", hec, { url: undefined }, "token"],
    ["host, for a header", key, { url: "https://attacker/in" }, 'headers["x-api-key"]'],
    ["host, for a password", basic, { url: "https://attacker/in" }, "auth.basic.password"],
    ["host, for a client's key", queried, { url: "https://attacker/in" }, "tls.key"],
    ["host, for a field that is not known", unknown, { url: "https://attacker" }, "later[0].password"],
    ["site", dd, { site: "datadoghq.eu" }, "api_key"],
    ["endpoint that was the site's", dd, { endpoint: "https://attacker" }, "api_key"],
    ["endpoint", proxied, { endpoint: "https://attacker" }, "api_key"],
    ["endpoint left out", proxied, { endpoint: null }, "api_key"],
    ["region", configs.cloudwatch, { region: "us-east-1" }, "credentials.access_key_id"],
    ["endpoint of a region", configs.cloudwatch, { endpoint: "https://attacker" }, "credentials.access_key_id"],
    ["type", { ...hec, auth: { bearer: "s" } }, { type: "http", auth: { bearer: "x" } }, "token"],
    ["type left out", hec, { type: undefined }, "token"],
  ];

  it.each(cases)("is refused: %s", (_, stored, change, where) => {
    const given = { ...maskSecrets(stored), ...change };
    expect(() => restoreSecrets(given, stored)).toThrow(
      expect.objectContaining({ code: "SG_OUTPUT_PARAMS", where, fix: "give the secret again" }),
    );
  });

  it.each([
    ["path of the URL", key, { url: "https://H:443/other" }],
    ["method", key, { method: "PUT" }],
    ["site that was meant anyhow", dd, { site: "datadoghq.com" }],
    ["path behind the endpoint", proxied, { endpoint: "https://proxy/b" }],
    ["no endpoint, said with null", dd, { endpoint: null }],
    ["log group", configs.cloudwatch, { log_group: "other" }],
    ["own settings", hec, { queue: { durable: true }, compression: "none" }],
  ])("is not asked for again over another %s", (_, stored: OutputConfig, change) => {
    expect(restoreSecrets({ ...maskSecrets(stored), ...change }, stored)).toEqual({ ...stored, ...change });
  });

  it("is not needed where it is given again, or none is stored", () => {
    const url = "https://new:8088";
    for (const token of ["s-hec-2", { env: "HEC" }])
      expect(restoreSecrets({ ...hec, url, token }, hec)).toMatchObject({ token });
    const plain = { type: "http", url: "https://h", headers: { "x-team": "***" } };
    expect(restoreSecrets({ ...plain, url }, plain)).toEqual({ ...plain, url });
  });

  it("has a destination in every type that has secrets", () => {
    for (const { type, params } of outputTypes.values()) {
      const fields = Object.values(params.properties) as unknown as Record<string, unknown>[];
      const secrets = JSON.stringify(fields).match(/"x-text":"(secret|header|key)"/);
      const says = fields.some((field) => field["x-text"] === "url" || field["x-destination"] === true);
      expect([type, says]).toEqual([type, secrets !== null]);
    }
  });
});

describe("resolveSecrets", () => {
  const read: SecretReader = {
    env: (name) => ({ DD: "from-env", EMPTY: "", LINES: "a\nb" })[name],
    file: (path) => {
      const text = ({ "/k": "from-file\n", "/ca": certificate, "/blank": " \n" } as Record<string, string>)[path];
      if (text === undefined) throw Object.assign(new Error("ENOENT: hunter2"), { code: "ENOENT" });
      return text;
    },
  };

  it("reads variables and files, a last newline apart, and leaves plain ones", () => {
    const config = {
      type: "http",
      url: "https://h",
      headers: { a: { env: "DD" }, b: { file: "/k" }, c: "plain" },
      tls: { ca: { file: "/ca" } },
    };
    expect(resolveSecrets(readOutput(config, ""), read)).toEqual({
      ...config,
      headers: { a: "from-env", b: "from-file", c: "plain" },
      tls: { ca: certificate },
    });
  });

  it("makes every example describable", () => {
    const all: SecretReader = { env: () => "value", file: () => "value" };
    for (const { type, examples } of outputTypes.values()) {
      for (const example of examples) {
        const config = resolveSecrets(readOutput({ type, ...example }, ""), all);
        expect(describeOutput(config).type).toBe(type);
        expect(JSON.stringify(config)).not.toMatch(/"(env|file)":/);
      }
    }
  });

  it.each([
    [{ env: "MISSING" }, "environment variable MISSING is not set"],
    [{ env: "EMPTY" }, "environment variable EMPTY is empty"],
    [{ env: "LINES" }, "environment variable LINES has a value that no header can carry"],
    [{ file: "/none" }, "file /none cannot be read (ENOENT)"],
    [{ file: "/blank" }, "file /blank is empty"],
  ])("refuses %o, naming the field and never the value", (api_key, what) => {
    const config = readOutput({ type: "datadog", id: "dd", api_key }, "");
    try {
      resolveSecrets(config, read);
    } catch (error) {
      expect(error).toBeInstanceOf(StreamGateError);
      expect(error).toMatchObject({ code: "SG_OUTPUT_SECRET", where: 'output "dd" api_key', what });
      expect((error as StreamGateError).message).not.toMatch(/hunter2|a\nb/);
      return;
    }
    throw new Error("it was accepted");
  });

  it("refuses a certificate that is none", () => {
    const config = readOutput({ type: "http", url: "https://h", tls: { ca: { file: "/k" } } }, "");
    expect(() => resolveSecrets(config, read)).toThrow(
      expect.objectContaining({ what: expect.stringContaining("no PEM") }),
    );
  });

  it("is asked nothing where there is no reference", () => {
    for (const config of [configs.cloudwatch, configs.datadog, configs.bearer])
      expect(resolveSecrets(readOutput(config, ""), noReader)).toEqual(config);
  });
});

describe("withoutSecrets", () => {
  it("hides the secrets of an output in what a destination said", () => {
    const said = "401: key s-key of u and s-basic is wrong; core";
    expect(withoutSecrets(said, configs.http)).toBe("401: key *** of u and *** is wrong; core");
  });
});
