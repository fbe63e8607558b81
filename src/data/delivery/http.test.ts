/** The HTTP wire against servers that do what a well-behaved one does not. */

import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { Authority, needsOpenssl } from "../../../test/fixtures/certificates.ts";
import { until } from "../../../test/fixtures/wait.ts";
import { failureOf, HttpClient } from "./http.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A TCP server; `connected` plays the HTTP server on each connection. */
async function server(connected: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const listener: Server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    connected(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return `http://127.0.0.1:${(listener.address() as AddressInfo).port}/in?x=1`;
}

function client(url: string): HttpClient {
  const http = new HttpClient(url);
  closers.push(() => http.close());
  return http;
}

const never = new AbortController().signal;
const post = (url: string, ...parts: Buffer[]) => ({
  ...{ url, method: "POST", headers: { "x-a": "b" } },
  body: { parts, bytes: parts.reduce((sum, part) => sum + part.length, 0) },
});

/** Everything that a connection brings, until `bytes` of body have come, or until it ends. */
function body(socket: Socket, bytes: number): Promise<{ head: string; body: Buffer }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const look = (ended: boolean) => {
      const all = Buffer.concat(chunks);
      const end = all.indexOf("\r\n\r\n");
      if (!ended && all.length < end + 4 + bytes) return;
      resolve({ head: all.subarray(0, end).toString(), body: all.subarray(end + 4) });
    };
    let size = 0;
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > bytes) look(false);
    });
    socket.on("close", () => look(true));
  });
}

describe("the HTTP wire", () => {
  it("sends the parts of a body one after the other, with one length", async () => {
    const requests: Promise<{ head: string; body: Buffer }>[] = [];
    const url = await server((socket) => {
      const request = body(socket, 4);
      requests.push(request);
      void request.then(() => socket.write("HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok"));
    });
    const answer = await client(url).send(post(url, Buffer.from("ab"), Buffer.from("cd")), never);
    expect(answer.status).toBe(202);
    const { head, body: text } = await requests[0]!;
    expect(head).toMatch(/^POST \/in\?x=1 HTTP\/1\.1\r\n/);
    expect(head).toMatch(/content-length: 4/i);
    expect(head).toMatch(/x-a: b/);
    expect(head).not.toMatch(/chunked/i);
    expect(text.toString()).toBe("abcd");
  });

  it("is done only when the system has the whole body, also when the answer came before it was read", async () => {
    const parts = [1, 2, 3].map((fill) => Buffer.alloc(8 << 20, fill));
    const total = 3 * (8 << 20);
    let received: Promise<{ body: Buffer }> | undefined;
    const url = await server((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      socket.pause();
      received = body(socket, total);
      setTimeout(() => socket.resume(), 50);
    });
    const answer = await client(url)
      .send(post(url, ...parts), never)
      .catch((error: Error) => error);
    // The memory is the caller's again: whatever still arrived must be what lay there before.
    for (const part of parts) part.fill(9);
    if (answer instanceof Error) return; // an answer that comes first may also end the connection
    const { body: got } = await received!;
    expect(got.subarray(0, total).includes(9)).toBe(false);
  });

  it("is done only then with a body of one part, too", async () => {
    const part = Buffer.alloc(24 << 20, 1);
    let received: Promise<{ body: Buffer }> | undefined;
    const url = await server((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      socket.pause();
      received = body(socket, part.length);
      setTimeout(() => socket.resume(), 50);
    });
    expect((await client(url).send(post(url, part), never)).status).toBe(200);
    part.fill(9);
    const { body: got } = await received!;
    expect(got.length).toBeGreaterThan(0);
    expect(got.includes(9)).toBe(false);
  });

  it("gives up at once when it is aborted, connected or not", async () => {
    const url = await server(() => {});
    for (const delayMs of [0, 30]) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), delayMs);
      await expect(client(url).send(post(url, Buffer.from("a")), stop.signal)).rejects.toMatchObject({
        name: "AbortError",
      });
    }
  });

  it("keeps the verdict of an answer whose body never ends", async () => {
    const url = await server((socket) => {
      socket.once("data", () => socket.write(`HTTP/1.1 503 No\r\nretry-after: 7\r\n\r\n${"x".repeat(300_000)}`));
    });
    const { status, headers } = await client(url).send(post(url, Buffer.from("a")), never);
    expect([status, headers["retry-after"]]).toEqual([503, "7"]);
  });

  it("connects again after a connection was closed", async () => {
    const url = await server((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    });
    const http = client(url);
    for (let request = 0; request < 3; request++)
      expect((await http.send(post(url, Buffer.from("a")), never)).status).toBe(200);
  });
});

describe(`a request that is given up while it connects${needsOpenssl.note}`, () => {
  /** A server that begins to shake hands when it is told to: until then nothing of a request can leave. */
  async function slowToShakeHands() {
    const authority = new Authority("http");
    closers.push(() => authority.dispose());
    const { cert, key } = authority.issue("server", "IP:127.0.0.1");
    const got: Buffer[] = [];
    let ended = 0;
    const tls = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => {
        got.push(chunk);
        if (Buffer.concat(got).toString("latin1").endsWith("next"))
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      });
    });
    const waiting: Socket[] = [];
    const url = await server((socket) => {
      socket.on("close", () => ended++);
      waiting.push(socket);
    });
    const http = new HttpClient(url.replace("http:", "https:"), {
      timeoutMs: 3000,
      tls: () => ({ ca: authority.pem().toString() }),
    });
    closers.push(() => http.close());
    const shakeHands = () => {
      for (const socket of waiting.splice(0)) tls.emit("connection", socket);
    };
    return {
      http,
      url: url.replace("http:", "https:"),
      waiting,
      shakeHands,
      received: () => Buffer.concat(got).toString("latin1"),
      ended: () => ended,
    };
  }

  for (const way of ["times out", "is aborted"] as const) {
    it.skipIf(needsOpenssl.skip)(`${way} is never sent, and the next one is`, async () => {
      const { http, url, waiting, shakeHands, received, ended } = await slowToShakeHands();
      const part = Buffer.from("first");
      const stop = new AbortController();
      const sending = http.send(post(url, part), stop.signal).catch((error: Error) => error.name);
      await until("it connects", () => waiting.length > 0);
      if (way === "is aborted") stop.abort();
      expect(await sending).toBe(way === "is aborted" ? "AbortError" : "TimeoutError");
      part.fill("x");
      shakeHands();
      await until("its connection is closed", () => ended() > 0);
      const next = http.send(post(url, Buffer.from("next")), never);
      await until("the next one connects", () => waiting.length > 0);
      shakeHands();
      expect((await next).status).toBe(200);
      expect(received().match(/POST/g)?.length).toBe(1);
      expect(received()).not.toContain("xxxxx");
    });
  }
});

describe("an address at which clouds hand out credentials", () => {
  /** A server, and a client for which `logs.example.com` leads to `addresses`. */
  async function named(addresses: readonly string[], allowMetadata: boolean) {
    const url = new URL(
      await server((socket) => {
        socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
      }),
    );
    url.hostname = "logs.example.com";
    const lookup = ((_host: string, { all }: { all?: boolean }, done: (...answer: unknown[]) => void) =>
      all === true
        ? done(
            null,
            addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
          )
        : done(null, addresses[0], 4)) as never;
    const http = new HttpClient(url.href, { timeoutMs: 3000, allowMetadata, lookup });
    closers.push(() => http.close());
    return { http, url: url.href };
  }

  it.each([[["169.254.169.254"]], [["127.0.0.1", "::ffff:169.254.169.254"]], [["fe80::1"]]])(
    "is not connected to where a name leads to %j, and the error says why",
    async (addresses) => {
      const { http, url } = await named(addresses, false);
      const error = await http.send(post(url, Buffer.from("a")), never).catch((reason: Error) => reason);
      expect(failureOf(error)).toMatch(
        /^SG_OUTPUT_ADDRESS: logs\.example\.com leads to .*, which is where a cloud hands out credentials/,
      );
      // And so is the next request, and not left without an answer.
      await expect(http.send(post(url, Buffer.from("a")), never)).rejects.toMatchObject({ code: "SG_OUTPUT_ADDRESS" });
    },
  );

  it("is not connected to where a URL names it", async () => {
    for (const url of ["http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://0xa9fea9fe/"])
      await expect(client(url).send(post(url, Buffer.from("a")), never)).rejects.toMatchObject({
        code: "SG_OUTPUT_ADDRESS",
      });
  });

  it("is no matter of other names, and of none where it is allowed", async () => {
    for (const allowMetadata of [false, true]) {
      const { http, url } = await named(["127.0.0.1"], allowMetadata);
      expect((await http.send(post(url, Buffer.from("a")), never)).status).toBe(200);
    }
  });
});
