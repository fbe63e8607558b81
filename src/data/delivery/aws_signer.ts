/**
 * Signs requests to AWS (Signature Version 4) with the AWS SDK's own signer and its chain of credentials, without its clients: those
 * would make an object per record (docs/decisions/0012-cloudwatch-without-its-client.md).
 *
 * Nothing of the SDK is loaded before the first request is signed. The chain keeps what it found, looks again within the last five
 * minutes before it expires, and looks once for any number of requests that wait for it.
 */

import { createHash, createHmac } from "node:crypto";
import type { SignatureV4 } from "@smithy/signature-v4";
import { StreamGateError } from "../../errors.ts";
import type { OutputRequest } from "../../outputs/output.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

export interface AwsSignerOptions {
  /** As the scope of the signature names it: `logs`. */
  readonly service: string;
  readonly region: string;
  /** Absent: the chain, as every AWS program has it: environment, shared files, SSO, web identity, container, instance. */
  readonly credentials?: AwsCredentials;
  /** The clock. AWS takes a signature for a few minutes around its time, so sign just before the request leaves. */
  readonly now?: () => Date;
}

export interface AwsSigner {
  /**
   * @param request its body is read and not kept; its headers must be those that are sent
   * @param signal aborts when nobody waits any more: the next request has the chain look anew, for a source may never answer
   * @returns all headers to send, names in lower case: the request's, `x-amz-date`, `x-amz-content-sha256`, `authorization`, and with
   *   temporary credentials `x-amz-security-token`. `host` is signed as the URL has it and left to the HTTP client, which writes it so
   * @throws StreamGateError SG_OUTPUT_SECRET when there are no credentials; worth another try, the chain looks again
   */
  sign(request: OutputRequest, signal?: AbortSignal): Promise<Record<string, string>>;
}

export function createAwsSigner(options: AwsSignerOptions): AwsSigner {
  const { region, now = () => new Date() } = options;
  let loading: Promise<SignatureV4> | undefined;

  return {
    async sign({ url, method, headers, body }, signal) {
      const { protocol, host, hostname, pathname, searchParams } = new URL(url);
      const unsigned = {
        method,
        protocol,
        hostname,
        path: pathname,
        query: Object.fromEntries([...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)])),
        headers: { ...lowerCased(headers), host, "x-amz-content-sha256": sha256Of(body.parts) },
      };
      loading ??= load(options);
      const waitedFor = loading;
      const forget = () => {
        if (loading === waitedFor) loading = undefined;
      };
      signal?.addEventListener("abort", forget);
      try {
        const signed = await (await waitedFor).sign(unsigned, { signingDate: now() });
        return Object.fromEntries(Object.entries(signed.headers).filter(([name]) => name !== "host"));
      } catch (error) {
        forget();
        throw new StreamGateError("SG_OUTPUT_SECRET", {
          where: `AWS credentials for ${region}`,
          what: reasonOf(error),
          fix:
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE with a shared credentials file, give the " +
            "machine or container a role, or write credentials into the output",
        });
      } finally {
        signal?.removeEventListener("abort", forget);
      }
    },
  };
}

async function load({ service, region, credentials }: AwsSignerOptions): Promise<SignatureV4> {
  const { SignatureV4: Signer } = await import("@smithy/signature-v4");
  return new Signer({ service, region, sha256: Sha256, credentials: credentials ?? (await chain()) });
}

async function chain() {
  const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
  return defaultProvider();
}

/**
 * Over the parts one after the other. With this header there the signer takes its value for the hash of the body, so the body, up to
 * 1 MiB in many parts, is never joined.
 */
function sha256Of(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** Two headers that differ in case alone would be sent as two and signed as one. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/**
 * The chain's words only where they are known to hold nothing else: a failed `credential_process` is quoted with its arguments, and a
 * broken credentials document with a piece of it.
 */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  if (/^Could not load credentials from any providers$/.test(message)) return message;
  return `the AWS SDK's credential chain failed (${error instanceof Error ? error.name : typeof error})`;
}

type Source = string | ArrayBuffer | ArrayBufferView;

/** Node's SHA-256, keyed or not, as the signer asks for it. */
class Sha256 {
  #hash: { update(data: Uint8Array): unknown; digest(): Buffer };
  readonly #secret: Source | undefined;

  constructor(secret?: Source) {
    this.#secret = secret;
    this.#hash = this.#fresh();
  }

  update(data: Source): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#fresh();
  }

  #fresh() {
    return this.#secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(this.#secret));
  }
}

function bytesOf(data: Source): Uint8Array {
  if (typeof data === "string") return Buffer.from(data, "utf8");
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
