/** The wire of every output that speaks HTTP: one undici agent a worker, connections kept alive, every wait bounded. */

import { Agent } from "undici";
import type { OutputRequest, OutputResponse } from "../../outputs/output.ts";

/** Long enough for a vendor's slow moments, short enough that a dead peer is noticed. */
const connectTimeoutMs = 10_000;
const answerTimeoutMs = 30_000;
/** An answer's body is read only so that the connection can be used again. */
const answerBytesMax = 128 * 1024;

export class HttpClient {
  readonly #agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    keepAliveTimeout: 30_000,
    pipelining: 1,
  });

  /**
   * @param signal aborts the request
   * @returns the answer, whatever its status; redirects are not followed
   * @throws the network's error when there is no answer
   */
  async send(request: OutputRequest, signal: AbortSignal): Promise<OutputResponse> {
    const { origin, pathname, search } = new URL(request.url);
    const { statusCode, headers, body } = await this.#agent.request({
      origin,
      path: pathname + search,
      method: request.method as "POST",
      headers: { ...request.headers },
      body: request.body,
      signal,
    });
    try {
      await body.dump({ limit: answerBytesMax, signal });
    } catch {
      // The verdict stands: the destination has answered with a status.
    }
    return { status: statusCode, headers };
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
