/**
 * The wire of an output that speaks HTTP: one connection kept alive, one request at a time, every wait bounded.
 *
 * Bodies are sent from where their records lie. So a request is over only when its answer is here *and* the system has taken the whole
 * body: a destination may answer before it has read everything, and the memory is filled again as soon as `send` returns.
 *
 * `dispatch` and not `request` of undici: no stream is made for an answer whose body nobody reads, which is a third of
 * what a small request costs.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { buildConnector, Client, type Dispatcher } from "undici";
import type { Body, OutputRequest, OutputResponse } from "../../outputs/output.ts";

/** Long enough for a vendor's slow moments, short enough that a dead peer is noticed. */
const connectTimeoutMs = 10_000;
const answerTimeoutMs = 30_000;
/** An answer's body is read only so that the connection can be used again. */
const answerBytesMax = 128 * 1024;
/** Between two looks at a body that the system has not taken when its answer is here. */
const flushLookMs = 5;

type Socket = NonNullable<Parameters<buildConnector.Callback>[1]>;

export class HttpClient {
  readonly #client: Client;
  #socket: Socket | undefined;

  /** @param url its origin is connected to when the first request is sent */
  constructor(url: string) {
    const connect = buildConnector({ timeout: connectTimeoutMs });
    this.#client = new Client(new URL(url).origin, {
      headersTimeout: answerTimeoutMs,
      bodyTimeout: answerTimeoutMs,
      keepAliveTimeout: 30_000,
      pipelining: 1,
      connect: (options, done) =>
        connect(options, (...answer: buildConnector.CallbackArgs) => {
          const [, socket] = answer;
          if (socket !== null) this.#socket = socket;
          done(...answer);
        }),
    });
  }

  /**
   * @param signal aborts the request
   * @returns the answer, whatever its status; redirects are not followed. The body's memory is free again
   * @throws the network's error when there is no answer; then, too, the memory is free
   */
  async send(request: OutputRequest, signal: AbortSignal): Promise<OutputResponse> {
    try {
      return await this.#exchange(request, signal);
    } finally {
      await this.#flushed(signal);
    }
  }

  #exchange({ url, method, headers, body }: OutputRequest, signal: AbortSignal): Promise<OutputResponse> {
    const { pathname, search } = new URL(url);
    return new Promise((resolve, reject) => {
      let controller: Dispatcher.DispatchController | undefined;
      let response: OutputResponse | undefined;
      let answerBytes = 0;
      const abort = () => {
        const reason = new DOMException("the request was aborted", "AbortError");
        controller?.abort(reason);
        settle(reason);
      };
      const settle = (error: Error) => {
        signal.removeEventListener("abort", abort);
        // With a status the verdict stands, whatever became of the rest of the answer.
        if (response !== undefined) resolve(response);
        else reject(error);
      };
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort);
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
            // Aborted while it waited for a connection.
            if (signal.aborted) abort();
          },
          onResponseStart(_controller, status, answered) {
            // 1xx announce the answer.
            if (status >= 200) response = { status, headers: answered, body: "" };
          },
          onResponseData(reading, chunk) {
            answerBytes += chunk.length;
            if (answerBytes > answerBytesMax) reading.abort(new Error("the answer is too long"));
          },
          onResponseEnd: () => settle(new Error("the answer has no status")),
          onResponseError: (_controller, error) => settle(error),
        },
      );
    });
  }

  /** Waits until the system has the whole body, or gives up the connection: then nothing reads the memory any more. */
  async #flushed(signal: AbortSignal): Promise<void> {
    const socket = this.#socket;
    const deadline = performance.now() + answerTimeoutMs;
    while (socket !== undefined && !socket.destroyed && socket.writableLength > 0) {
      if (signal.aborted || performance.now() >= deadline) socket.destroy();
      else await sleep(flushLookMs);
    }
  }

  close(): Promise<void> {
    return this.#client.destroy();
  }
}

/** One piece leaves with the head in one system call; undici takes several as something to iterate over. */
function wireBody({ parts }: Body): Uint8Array {
  // undici's types know no iterables in `dispatch`; its documentation and its `request` do.
  return parts.length === 1 ? parts[0]! : (parts as unknown as Uint8Array);
}
