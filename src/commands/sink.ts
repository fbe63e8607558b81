/** `streamgate sink`: a receiver for trying outputs. Prints each request's method, path, headers and body, and answers. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { listenLocally } from "../control/listen.ts";
import { visible } from "./client/terminal.ts";
import { letSignalsEnd, takeSignals } from "./default_signals.ts";

export interface SinkOptions {
  /** 0: any free port. */
  readonly port: number;
  /** `localhost`: both loopback addresses; absent: every address, since a container calls it by another one than loopback. */
  readonly host?: string;
  readonly status: number;
}

/** Bytes of one decoded body that are printed; the rest is counted only, so that a bomb of zeros does not fill the memory. */
const bodyBytesMax = 64 * 1024 * 1024;

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** Serves until it is stopped. */
export async function command({ port, host, status }: SinkOptions): Promise<void> {
  const listen = () => createServer((request, response) => void answer(request, response, status));
  const { port: bound, close } = await listenLocally(host, port, listen, "--port");
  // Nobody reads any more, as in `sink | head`: there is nothing left to do.
  process.stdout.on("error", () => process.exit(0));
  const where = host === undefined ? `http://localhost:${bound} and every other address` : `http://${host}:${bound}`;
  process.stdout.write(`sink: listening on ${where}, answering ${status}\n`);
  const stop = () => {
    close();
    // A second signal ends it at once, by its default action.
    process.removeListener("SIGINT", stop).removeListener("SIGTERM", stop);
    letSignalsEnd();
  };
  takeSignals();
  process.on("SIGINT", stop).on("SIGTERM", stop);
}

async function answer(request: IncomingMessage, response: ServerResponse, status: number): Promise<void> {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
  }
  let code = status;
  let body: Buffer;
  try {
    body = await readBody(request);
  } catch (error) {
    code = 400;
    body = Buffer.from(`(the body cannot be decoded: ${(error as Error).message})`);
  }
  // One write: requests that arrive together do not mix.
  process.stdout.write(Buffer.concat([shown(`${lines.join("\n")}\n\n`), shown(body), Buffer.from("\n\n")]));
  response
    .writeHead(code, { "content-type": "application/json" })
    .end(code < 300 ? '{"status":"ok"}\n' : '{"status":"error"}\n');
}

/** As it came; on a terminal without what would move its cursor, since anybody may send it. */
function shown(text: string | Buffer): Buffer {
  if (process.stdout.isTTY !== true) return Buffer.from(text);
  return Buffer.from(text.toString().split("\n").map(visible).join("\n"));
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  // Codings are listed in the order in which they were applied (RFC 9110 section 8.4).
  const codings = (request.headers["content-encoding"] ?? "identity").toLowerCase().split(",");
  let body: AsyncIterable<Buffer> = request;
  for (const coding of codings.map((name) => name.trim()).reverse()) {
    if (coding === "identity" || coding === "") continue;
    const decoder = decoders[coding]?.();
    if (decoder === undefined) throw new Error(`unknown coding ${coding}`);
    const source = body as unknown as NodeJS.ReadableStream;
    source.on("error", (error) => decoder.destroy(error as Error));
    body = source.pipe(decoder);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (bytes < bodyBytesMax) chunks.push(chunk.subarray(0, bodyBytesMax - bytes));
    bytes += chunk.length;
  }
  if (bytes > bodyBytesMax) chunks.push(Buffer.from(`\n(${bytes - bodyBytesMax} more bytes)`));
  return Buffer.concat(chunks);
}
