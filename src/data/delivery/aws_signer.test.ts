/**
 * Signatures against two others: the AWS SDK's client, and the algorithm written out from the IAM User Guide ("Create a signed AWS API
 * request"). No network: the chain is asked for what its environment and files have.
 */
import { createHash, createHmac } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloudWatchLogsClient, PutLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { StreamGateError } from "../../errors.ts";
import type { OutputRequest } from "../../outputs/output.ts";
import { createAwsSigner } from "./aws_signer.ts";

const region = "eu-central-1";
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const at = new Date("2026-11-26T12:34:56.789Z");
const now = () => at;

function request(parts: readonly string[], more: Partial<OutputRequest> = {}): OutputRequest {
  const bytes = parts.map((part) => Buffer.from(part));
  return {
    url: `https://logs.${region}.amazonaws.com/`,
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.PutLogEvents" },
    body: { parts: bytes, bytes: bytes.reduce((sum, part) => sum + part.length, 0) },
    ...more,
  };
}

/** The algorithm from its description, for requests to `/`. */
function byHand(headers: Readonly<Record<string, string>>, host: string, body: string, query = ""): string {
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const hex = (text: string) => createHash("sha256").update(text).digest("hex");
  const all: Record<string, string> = { ...headers, host };
  delete all.authorization;
  const names = Object.keys(all).toSorted();
  const canonical = [
    "POST",
    "/",
    query,
    ...names.map((name) => `${name}:${all[name]!.trim()}`),
    "",
    names.join(";"),
    hex(body),
  ].join("\n");
  const date = all["x-amz-date"]!;
  const scope = `${date.slice(0, 8)}/${region}/logs/aws4_request`;
  const key = [date.slice(0, 8), region, "logs", "aws4_request"].reduce<string | Buffer>(
    (sofar, step) => hmac(sofar, step),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = hmac(key as Buffer, ["AWS4-HMAC-SHA256", date, scope, hex(canonical)].join("\n")).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
}

describe("an AWS signature", () => {
  it("is what the IAM User Guide's steps give", async () => {
    const signer = createAwsSigner({ service: "logs", region, credentials, now });
    const body = '{"logEvents":[]}';
    const headers = await signer.sign(request([body]));
    expect(headers["x-amz-date"]).toBe("20261126T123456Z");
    expect(headers.authorization).toBe(byHand(headers, `logs.${region}.amazonaws.com`, body));
  });

  it("is what the AWS SDK's client gives the same request", async () => {
    let sent: { headers: Record<string, string>; body: Uint8Array } | undefined;
    const client = new CloudWatchLogsClient({
      region,
      credentials,
      systemClockOffset: at.getTime() - Date.now(),
      maxAttempts: 1,
      requestHandler: {
        handle: async (outgoing: unknown) => {
          sent = outgoing as typeof sent;
          throw new Error("seen");
        },
      } as never,
    });
    const events = [{ timestamp: 1_764_160_496_789, message: "é\u0000 \ud83d\ude00" }];
    await expect(
      client.send(new PutLogEventsCommand({ logGroupName: "g", logStreamName: "s", logEvents: events })),
    ).rejects.toThrow("seen");
    const { authorization, host: _host, "x-amz-date": date, "x-amz-content-sha256": hash, ...own } = sent!.headers;
    const signer = createAwsSigner({ service: "logs", region, credentials, now: () => wireDate(date!) });
    const body = new TextDecoder().decode(sent!.body);
    const middle = body.indexOf("}");
    const parts = [body.slice(0, middle), "", body.slice(middle)];
    const headers = await signer.sign(request(parts, { headers: own }));
    expect(headers["x-amz-content-sha256"]).toBe(hash);
    expect(headers.authorization).toBe(authorization);
  });

  it("is the same however the body is cut into parts, and for an empty body", async () => {
    const signer = createAwsSigner({ service: "logs", region, credentials, now });
    const whole = await signer.sign(request(["abcdef"]));
    expect(await signer.sign(request(["ab", "", "cde", "f"]))).toEqual(whole);
    const empty = await signer.sign(request([]));
    expect(empty.authorization).toBe(byHand(empty, `logs.${region}.amazonaws.com`, ""));
  });

  it("covers the port of a host that has one, and the query", async () => {
    const signer = createAwsSigner({ service: "logs", region, credentials, now });
    const headers = await signer.sign(request(["x"], { url: "http://127.0.0.1:4566/?b=2&a=1%20x&a=0" }));
    expect(headers.authorization).toBe(byHand(headers, "127.0.0.1:4566", "x", "a=0&a=1%20x&b=2"));
    expect(headers).not.toHaveProperty("host");
  });

  it("covers a session token", async () => {
    const signer = createAwsSigner({
      service: "logs",
      region,
      credentials: { ...credentials, sessionToken: "T/+=" },
      now,
    });
    const headers = await signer.sign(request(["x"]));
    expect(headers["x-amz-security-token"]).toBe("T/+=");
    expect(headers.authorization).toBe(byHand(headers, `logs.${region}.amazonaws.com`, "x"));
  });

  it("leaves the request as it was", async () => {
    const signer = createAwsSigner({ service: "logs", region, credentials, now });
    const given = request(["x"], { headers: { "Content-Type": "a", "X-Amz-Target": "b" } });
    const before = JSON.stringify(given);
    const headers = await signer.sign(given);
    expect(JSON.stringify(given)).toBe(before);
    expect(Object.keys(headers).toSorted()).toEqual([
      "authorization",
      "content-type",
      "x-amz-content-sha256",
      "x-amz-date",
      "x-amz-target",
    ]);
  });
});

describe("AWS credentials", () => {
  let folder: string | undefined;

  /** An environment of the chain's own: nothing of this machine, no instance to ask. */
  function environment(variables: Readonly<Record<string, string>>): string {
    folder = mkdtempSync(join(tmpdir(), "streamgate-aws-"));
    for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "credentials"));
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    return folder;
  }

  afterEach(() => {
    vi.unstubAllEnvs();
    if (folder !== undefined) rmSync(folder, { recursive: true });
    folder = undefined;
  });

  it("come from the environment where none are given", async () => {
    environment({
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: "T",
    });
    const chained = await createAwsSigner({ service: "logs", region, now }).sign(request(["x"]));
    const given = createAwsSigner({ service: "logs", region, credentials: { ...credentials, sessionToken: "T" }, now });
    expect(chained).toEqual(await given.sign(request(["x"])));
  });

  it("that a program prints are asked for again before they expire, and kept until then", async () => {
    const home = environment({ AWS_PROFILE: "printed" });
    const calls = join(home, "calls");
    const script = join(home, "print");
    const printed = (key: string, expiresMs: number) =>
      JSON.stringify({
        Version: 1,
        AccessKeyId: key,
        SecretAccessKey: "s",
        SessionToken: "t",
        Expiration: new Date(Date.now() + expiresMs).toISOString(),
      });
    const print = (text: string) => {
      writeFileSync(script, `#!/bin/sh\necho >> ${calls}\ncat <<'END'\n${text}\nEND\n`);
      chmodSync(script, 0o755);
    };
    writeFileSync(join(home, "config"), `[profile printed]\ncredential_process = ${script}\n`);

    print(printed("FIRST", 3_600_000));
    const signer = createAwsSigner({ service: "logs", region });
    expect((await signer.sign(request(["x"]))).authorization).toContain("Credential=FIRST/");
    print(printed("SECOND", 3_600_000));
    expect((await signer.sign(request(["x"]))).authorization).toContain("Credential=FIRST/");

    // Within five minutes of its end it is looked for anew, while what is still valid serves.
    print(printed("THIRD", 60_000));
    const other = createAwsSigner({ service: "logs", region });
    expect((await other.sign(request(["x"]))).authorization).toContain("Credential=THIRD/");
    print(printed("FOURTH", 3_600_000));
    await expect.poll(async () => (await other.sign(request(["x"]))).authorization).toContain("Credential=FOURTH/");
  });

  it("that cannot be found are an error that says what to do, and are looked for again", async () => {
    environment({});
    const signer = createAwsSigner({ service: "logs", region, now });
    const error = await signer.sign(request(["x"])).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(StreamGateError);
    expect(error).toMatchObject({ code: "SG_OUTPUT_SECRET", where: "AWS credentials for eu-central-1" });
    expect(error.message).toContain("AWS_ACCESS_KEY_ID");
    vi.stubEnv("AWS_ACCESS_KEY_ID", credentials.accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", credentials.secretAccessKey);
    expect((await signer.sign(request(["x"]))).authorization).toContain(credentials.accessKeyId);
  });

  it("that nobody waits for any more are looked for anew by the next request", async () => {
    const home = environment({ AWS_PROFILE: "printed" });
    const script = join(home, "print");
    const begun = join(home, "begun");
    writeFileSync(script, `#!/bin/sh\necho > ${begun}\nexec sleep 3\n`);
    chmodSync(script, 0o755);
    writeFileSync(join(home, "config"), `[profile printed]\ncredential_process = ${script}\n`);
    const signer = createAwsSigner({ service: "logs", region });
    const giveUp = new AbortController();
    const first = signer.sign(request(["x"]), giveUp.signal).catch(() => {});
    await expect.poll(() => existsSync(begun), { timeout: 20_000 }).toBe(true);
    giveUp.abort();
    const printed = JSON.stringify({ Version: 1, AccessKeyId: "SECOND", SecretAccessKey: "s" });
    writeFileSync(script, `#!/bin/sh\ncat <<'END'\n${printed}\nEND\n`);
    expect((await signer.sign(request(["x"]))).authorization).toContain("Credential=SECOND/");
    await first;
  });

  it.each([
    ["a program that fails", "echo top-secret >&2; exit 3"],
    ["a document that is broken", 'echo \'{"Version":1,"SecretAccessKey":"top-secret\''],
  ])("of %s do not show in the error", async (_name, body) => {
    const home = environment({ AWS_PROFILE: "printed" });
    const script = join(home, "print");
    writeFileSync(script, `#!/bin/sh\n${body}\n`);
    chmodSync(script, 0o755);
    writeFileSync(join(home, "config"), `[profile printed]\ncredential_process = ${script} --password top-secret\n`);
    const error = await createAwsSigner({ service: "logs", region })
      .sign(request(["x"]))
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "SG_OUTPUT_SECRET" });
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain("top-secret");
  });
});

function wireDate(text: string): Date {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)!;
  const [year, month, day, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}
