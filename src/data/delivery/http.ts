/**
 * The wire of an output that speaks HTTP: one connection kept alive, one request at a time, every wait bounded.
 *
 * Bodies are sent from where their records lie. So a request is over only when its answer is here *and* the system has taken the whole
 * body: a destination may answer before it has read everything, and the memory is filled again as soon as `send` returns.
 *
 * `dispatch` and not `request` of undici: no stream is made for an answer, which is a third of what a small request costs. Redirects are
 * never followed: what authorizes a request to one host is nobody else's business.
 */

import { type LookupAddress, type LookupOptions, lookup } from "node:dns";
import { setTimeout as sleep } from "node:timers/promises";
import { buildConnector, Client, type Dispatcher } from "undici";
import { StreamGateError } from "../../errors.ts";
import { isMetadataAddress, isMetadataHost, metadataRefusal } from "../../outputs/metadata_address.ts";
import type { Body, OutputRequest, OutputResponse } from "../../outputs/output.ts";

/** Long enough for a vendor's slow moments, short enough that a dead peer is noticed. */
const connectTimeoutMs = 10_000;
/** An answer says in its first kilobytes what became of a payload; the rest is read only so that the connection can be used again. */
const answerBytesMax = 128 * 1024;
/** Between two looks at a body that the system has not taken when its answer is here. */
const flushLookMs = 5;

export interface HttpOptions {
  /** From the request's first byte to the answer's last one. */
  readonly timeoutMs: number;
  /** Asked for each connection: files that it comes from may have changed. The same object: nothing has. */
  readonly tls?: () => TlsOptions;
  /** Also to addresses where clouds hand out credentials. */
  readonly allowMetadata?: boolean;
  /** What asks for the addresses of names; `dns.lookup`. */
  readonly lookup?: typeof lookup;
}

/** PEM texts, and what a certificate must say. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** False only where the configuration says `insecure_skip_verify`, which is warned of. */
  readonly rejectUnauthorized?: boolean;
}

type Socket = NonNullable<Parameters<buildConnector.Callback>[1]>;

export class HttpClient {
  #client: Client;
  readonly #origin: string;
  readonly #timeoutMs: number;
  readonly #tls: (() => TlsOptions) | undefined;
  readonly #allowMetadata: boolean;
  readonly #lookup: typeof lookup;
  /** For the TLS that held last; it knows sessions that can be resumed. */
  #connector: { readonly tls: TlsOptions | undefined; readonly connect: buildConnector.connector } | undefined;
  #socket: Socket | undefined;

  /** @param url its origin is connected to when the first request is sent */
  constructor(url: string, { timeoutMs, tls, allowMetadata = false, ...site }: HttpOptions = { timeoutMs: 30_000 }) {
    this.#lookup = site.lookup ?? lookup;
    this.#tls = tls;
    this.#allowMetadata = allowMetadata;
    this.#timeoutMs = timeoutMs;
    this.#origin = new URL(url).origin;
    this.#client = this.#newClient();
  }

  #newClient(): Client {
    const client: Client = new Client(this.#origin, {
      // One clock for the whole exchange is ours.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 30_000,
      pipelining: 1,
      connect: (options, done) =>
        this.#connect(options, (...answer: buildConnector.CallbackArgs) => {
          const [, socket] = answer;
          // A client that was given up destroys what still connects.
          if (socket !== null && client === this.#client) this.#socket = socket;
          done(...answer);
        }),
    });
    return client;
  }

  #connect(options: buildConnector.Options, done: buildConnector.Callback): void {
    if (!this.#allowMetadata && isMetadataHost(options.hostname)) {
      done(metadataRefusal(undefined, options.hostname), null);
      return;
    }
    const tls = this.#tls?.();
    if (this.#connector === undefined || this.#connector.tls !== tls) {
      const guarded = { lookup: this.#allowMetadata ? this.#lookup : outside(this.#lookup) };
      // undici hands on to `net` and `tls` what it does not know itself.
      this.#connector = { tls, connect: buildConnector({ timeout: connectTimeoutMs, ...guarded, ...tls } as object) };
    }
    this.#connector.connect(options, done);
  }

  /** What waits for a connection of the client that was is never sent. */
  #renew(): void {
    if (this.#client.destroyed) return;
    void this.#client.destroy();
    this.#client = this.#newClient();
  }

  /** Whether it can send to this URL: a client is connected to one origin. */
  serves(url: string): boolean {
    return new URL(url).origin === this.#origin;
  }

  /**
   * @param signal aborts the request
   * @returns the answer, whatever its status. The body's memory is free again
   * @throws the network's error when there is no answer, TimeoutError when it took too long; then, too, the memory is free
   */
  async send(request: OutputRequest, signal: AbortSignal): Promise<OutputResponse> {
    const deadlineMs = performance.now() + this.#timeoutMs;
    try {
      return await this.#exchange(request, signal);
    } catch (error) {
      // undici 7.30 never answers a second request where a certificate was for another name; a fresh client does.
      if ((error as NodeJS.ErrnoException).code === "ERR_TLS_CERT_ALTNAME_INVALID") this.#renew();
      throw error;
    } finally {
      await this.#flushed(signal, deadlineMs);
    }
  }

  #exchange({ url, method, headers, body }: OutputRequest, signal: AbortSignal): Promise<OutputResponse> {
    const { pathname, search } = new URL(url);
    return new Promise((resolve, reject) => {
      let controller: Dispatcher.DispatchController | undefined;
      let head: Omit<OutputResponse, "body"> | undefined;
      let answerBytes = 0;
      const chunks: Buffer[] = [];
      let dispatched = false;
      let over = false;
      const give = (reason: Error) => {
        controller?.abort(reason);
        settle(reason);
        // Not begun: it waits in undici's queue for a connection, and would leave when there is one, from memory that others fill by then.
        if (dispatched && controller === undefined) this.#renew();
      };
      const abort = () => give(new DOMException("the request was aborted", "AbortError"));
      const timer = setTimeout(
        () => give(new DOMException("the destination took too long", "TimeoutError")),
        this.#timeoutMs,
      );
      const settle = (error: Error) => {
        over = true;
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        // With a status the verdict stands, whatever became of the rest of the answer.
        if (head !== undefined) resolve({ ...head, body: Buffer.concat(chunks).toString() });
        else reject(error);
      };
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort);
      dispatched = true;
      this.#client.dispatch(
        {
          path: pathname + search,
          method: method as "POST",
          headers: { ...headers, "content-length": String(body.bytes) },
          body: wireBody(body),
        },
        {
          onRequestStart(started) {
            controller = started;
            // Given up while it waited for a connection.
            if (over) started.abort(new DOMException("the request was given up", "AbortError"));
          },
          onResponseStart(_controller, status, answered) {
            // 1xx announce the answer.
            if (status >= 200) head = { status, headers: answered };
          },
          onResponseData(reading, chunk) {
            answerBytes += chunk.length;
            if (answerBytes > answerBytesMax) reading.abort(new Error("the answer is too long"));
            else chunks.push(chunk);
          },
          onResponseEnd: () => settle(new Error("the answer has no status")),
          onResponseError: (_controller, error) => settle(error),
        },
      );
    });
  }

  /** Waits until the system has the whole body, or gives up the connection: then nothing reads the memory any more. */
  async #flushed(signal: AbortSignal, deadlineMs: number): Promise<void> {
    const socket = this.#socket;
    while (socket !== undefined && !socket.destroyed && socket.writableLength > 0) {
      if (signal.aborted || performance.now() >= deadlineMs) socket.destroy();
      else await sleep(flushLookMs);
    }
  }

  close(): Promise<void> {
    return this.#client.destroy();
  }
}

type LookedUp = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Fails where a name leads to an address at which clouds hand out credentials. */
function outside(ask: typeof lookup) {
  return (host: string, options: LookupOptions, done: LookedUp): void => {
    ask(host, options, (error, found, family) => {
      const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found];
      const inside = error === null ? addresses.find(isMetadataAddress) : undefined;
      if (inside === undefined) done(error, found, family);
      else done(metadataRefusal(undefined, `${host} leads to ${inside}, which`), []);
    });
  };
}

/** One piece leaves with the head in one system call; undici takes several as something to iterate over. */
function wireBody({ parts }: Body): Uint8Array | null {
  if (parts.length === 0) return null;
  // undici's types know no iterables in `dispatch`; its documentation and its `request` do.
  return parts.length === 1 ? parts[0]! : (parts as unknown as Uint8Array);
}

/**
 * Why there is no answer. Only the code: messages of network errors may hold the address with its user and password. A DOMException's code
 * is a number that nobody knows (TimeoutError: 23); its name says it.
 */
export function failureOf(error: unknown): string {
  if (error instanceof StreamGateError) return `${error.code}: ${error.what}`;
  const { code, name } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : name;
}
