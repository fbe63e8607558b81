/** The commands' way to a control API: one connection, JSON there and back, and refusals as the API words them. */

import { readFileSync } from "node:fs";
import { Agent, type Dispatcher, request } from "undici";
import { type ErrorCode, errorCodes, StreamGateError } from "../../errors.ts";
import { isRecord } from "../../schema.ts";
import { version } from "../../version.ts";

/** Which control API, as whom. */
export interface ClientTarget {
  /** `http://localhost:8000`; a path in it goes before every call's. */
  readonly url: string;
  readonly token?: string | undefined;
  /** File of a certificate authority, PEM: instead of those that Node trusts. */
  readonly ca?: string | undefined;
  /** Files of a certificate that is shown, and of its key, PEM. */
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>> | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the answer may take beside the network's share, in ms. */
  readonly waitMs?: number;
}

export interface Answer<T> {
  readonly body: T;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What the API refuses, in its words. */
export class Refusal extends StreamGateError {
  readonly status: number;

  constructor(status: number, code: ErrorCode, parts: { where?: string; what: string; fix?: string }) {
    super(code, parts);
    this.status = status;
  }
}

const connectTimeoutMs = 5_000;
const answerTimeoutMs = 30_000;

export class Connection {
  readonly url: string;
  readonly #token: string | undefined;
  readonly #agent: Agent;

  /** @throws StreamGateError SG_SETTING when the URL is none, SG_INPUT when a file cannot be read */
  constructor({ url, token, ca, clientCert, clientKey }: ClientTarget) {
    this.url = checkedUrl(url);
    this.#token = token;
    const connect = {
      timeout: connectTimeoutMs,
      ...(ca !== undefined && { ca: readPem("--ca", ca) }),
      ...(clientCert !== undefined && { cert: readPem("--client-cert", clientCert) }),
      ...(clientKey !== undefined && { key: readPem("--client-key", clientKey) }),
    };
    this.#agent = new Agent({ connect, bodyTimeout: 0 });
  }

  /** @throws Refusal when the API says no; StreamGateError SG_CONTROL_AWAY when none answers */
  async call<T>(method: Dispatcher.HttpMethod, path: string, options: CallOptions = {}): Promise<Answer<T>> {
    const { statusCode, headers, body } = await this.#send(method, path, options);
    const text = await body.text().catch((error: Error) => {
      throw away(this.url, error);
    });
    const value = parsed(text);
    if (statusCode >= 200 && statusCode < 300 && value !== undefined) return { body: value as T, headers };
    throw this.#refusal(statusCode, value);
  }

  /** The lines of an answer that does not end by itself. */
  async *lines(path: string, query: CallOptions["query"], signal: AbortSignal): AsyncGenerator<string> {
    const { statusCode, body } = await this.#send("GET", path, { query, waitMs: answerTimeoutMs }, signal);
    if (statusCode !== 200) throw this.#refusal(statusCode, parsed(await body.text()));
    let rest = "";
    body.setEncoding("utf8");
    try {
      for await (const chunk of body) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop()!;
        for (const line of lines) if (line !== "") yield line;
      }
    } catch (error) {
      if (!signal.aborted) throw away(this.url, error as Error);
    }
  }

  /** Calling it twice does no harm. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(method: Dispatcher.HttpMethod, path: string, options: CallOptions, signal?: AbortSignal) {
    const { body, query = {}, headers = {}, waitMs = 0 } = options;
    const asked = Object.entries(query).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
    );
    return request(`${this.url}${path}${asked.length === 0 ? "" : `?${asked.join("&")}`}`, {
      method,
      dispatcher: this.#agent,
      headersTimeout: answerTimeoutMs + waitMs,
      headers: {
        "user-agent": `streamgate/${version}`,
        ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    }).catch((error: Error) => {
      throw away(this.url, error);
    });
  }

  #refusal(status: number, value: unknown): StreamGateError {
    const error = isRecord(value) ? value.error : undefined;
    if (isRecord(error) && typeof error.what === "string") {
      const { code, where, what, fix } = error;
      const known = typeof code === "string" && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : "SG_INPUT";
      return new Refusal(status, known, {
        what,
        ...(typeof where === "string" && { where }),
        // The API speaks of a header, the command line has no such thing.
        ...(known === "SG_TOKEN" ? { fix: tokenFix } : typeof fix === "string" && { fix }),
      });
    }
    return new StreamGateError("SG_CONTROL_AWAY", {
      where: this.url,
      what: `what answers there (${status}) is no StreamGate control API`,
      fix: "say where it is with --url or STREAMGATE_URL",
    });
  }
}

const tokenFix = "give one in STREAMGATE_TOKEN or with --token; `streamgate token new` makes one";

function checkedUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "" && url.username === "")
    return url.href.replace(/\/+$/, "");
  throw new StreamGateError("SG_SETTING", {
    where: "--url or STREAMGATE_URL",
    what: "is no address of a control API",
    fix: "give one such as http://localhost:8000, with the token apart (STREAMGATE_TOKEN)",
  });
}

function readPem(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const what = `cannot be read: ${(error as Error).message}`;
    throw new StreamGateError(
      "SG_INPUT",
      { where: `${flag} ${path}`, what, fix: "name a file in PEM" },
      { cause: error },
    );
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Words for what the network says. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection is refused",
  ENOTFOUND: "no such host is known",
  EAI_AGAIN: "the host's name cannot be looked up now",
  ETIMEDOUT: "it does not answer",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer",
  UND_ERR_HEADERS_TIMEOUT: "it does not answer",
  ECONNRESET: "the connection ended",
  UND_ERR_SOCKET: "the connection ended",
};

function away(url: string, error: Error): StreamGateError {
  if (error instanceof StreamGateError) return error;
  const code = codeOf(error);
  // Node's servers end a connection that shows no certificate they take, mostly without the alert that would say so.
  if (
    /ALERT|CERTIFICATE_REQUIRED/.test(code) ||
    (url.startsWith("https:") && /^(ECONNRESET|UND_ERR_SOCKET)$/.test(code))
  )
    return new StreamGateError(
      "SG_CONTROL_AWAY",
      {
        where: url,
        what: `the connection ended (${code}), as it does where a client certificate is asked for and none is shown that is known`,
        fix: "name one of an authority in its CONTROL_TLS_CLIENT_CA with --client-cert and --client-key",
      },
      { cause: error },
    );
  if (/CERT|SIGNATURE|ISSUER|SELF_SIGNED|ALTNAME/.test(code))
    return new StreamGateError(
      "SG_CONTROL_AWAY",
      {
        where: url,
        what: `its certificate is not trusted (${code})`,
        fix: "name its certificate authority with --ca or STREAMGATE_CA",
      },
      { cause: error },
    );
  return new StreamGateError(
    "SG_CONTROL_AWAY",
    {
      where: url,
      what: `no control plane answers there: ${reasons[code] ?? (code === "" ? error.message : code)}`,
      fix: "start one with `streamgate`, or say where it is with --url or STREAMGATE_URL",
    },
    { cause: error },
  );
}

/** Of several addresses that were tried the first one's. */
function codeOf(error: unknown): string {
  const { code, errors, cause } = error as { code?: unknown; errors?: unknown[]; cause?: unknown };
  if (typeof code === "string" && code !== "") return code;
  if (errors?.[0] !== undefined) return codeOf(errors[0]);
  return cause === undefined ? "" : codeOf(cause);
}
