/** Which connection has to go when there are too many: seen by real clients of a real server. */

import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { createServer as createSecured } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../../test/fixtures/wait.ts";
import { Connections } from "./connections.ts";

/** More than sockets of both ends take of what nobody reads. */
const large = Buffer.alloc(16 * 1024 * 1024, "x");
const max = 4;

let server: Server;
let connections: Connections;
let asked: string[];
let held: ServerResponse[];
let clients: Socket[];

beforeEach(async () => {
  connections = new Connections(max);
  [asked, held, clients] = [[], [], []];
  server = createServer((request, response) => {
    connections.use(request, response);
    asked.push(request.url!);
    if (request.url === "/large") response.end(large);
    else if (request.url === "/held") held.push(response);
    else response.end("small");
  });
  server.on("connection", (socket) => connections.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  for (const client of clients) client.destroy();
  server.closeAllConnections();
  server.close();
});

/** A client that asks and reads nothing. */
async function ask(...paths: string[]) {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  clients.push(socket);
  const client = { socket, isGone: false };
  socket.on("error", () => {}).on("close", () => (client.isGone = true));
  await once(socket, "connect");
  const before = asked.length;
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(""));
  await until("they have arrived", () => asked.length === before + paths.length);
  return client;
}

async function answered({ socket }: { socket: Socket }): Promise<string> {
  let text = "";
  socket.setEncoding("latin1").on("data", (part: string) => {
    text += part;
  });
  await until("it is answered", () => text.endsWith("small") || text.endsWith("done"));
  return text;
}

describe("a connection too many", () => {
  it("takes the place of the client that has left its answer unread longest", async () => {
    const slow = [await ask("/large", "/large"), await ask("/large"), await ask("/large"), await ask("/large")];
    expect(await answered(await ask("/small"))).toContain("200 OK");
    expect(await answered(await ask("/small"))).toContain("200 OK");
    for (const { socket } of slow) socket.resume();
    await until("the first is gone", () => slow[0]!.isGone);
    expect(slow.slice(1).map(({ isGone }) => isGone)).toEqual([false, false, false]);
  });

  it("never that of a client whose answer is still worked on", async () => {
    const working = [await ask("/held"), await ask("/held"), await ask("/held")];
    const slow = await ask("/large");
    expect(await answered(await ask("/small"))).toContain("200 OK");
    slow.socket.resume();
    await until("the one that does not read is gone", () => slow.isGone);
    for (const response of held) response.end("done");
    for (const client of working) expect(await answered(client)).toContain("200 OK");
  });
});

describe("the end of the servers", () => {
  const close = (ending: Server) => () => new Promise<void>((resolve) => void ending.close(() => resolve()));

  it("waits for a request in progress, and for nobody who asks nothing", async () => {
    const silent = connect((server.address() as AddressInfo).port, "127.0.0.1");
    clients.push(silent.on("error", () => {}));
    await once(silent, "connect");
    const running = await ask("/held");
    const ended = connections.endWith(close(server), 2 ** 31 - 1);
    await once(silent.resume(), "close");
    expect(running.isGone).toBe(false);
    held[0]!.end("done");
    expect(await answered(running)).toContain("200 OK");
    running.socket.destroy();
    await ended;
  });

  it("cuts off a request that is not answered in time", async () => {
    const running = await ask("/held");
    running.socket.resume();
    await connections.endWith(close(server), 20);
    await until("it is cut off", () => running.isGone);
  });

  it("does not wait for a client that never shakes hands for TLS", async () => {
    // Node closes it after this time, and not before.
    const secured = createSecured({ handshakeTimeout: 2 ** 31 - 1 });
    secured.on("connection", (socket: Socket) => connections.add(socket));
    secured.listen(0, "127.0.0.1");
    await once(secured, "listening");
    const silent = connect((secured.address() as AddressInfo).port, "127.0.0.1");
    clients.push(silent.on("error", () => {}));
    await until("it is connected", () => connections.size === 1);
    await connections.endWith(close(secured), 2 ** 31 - 1);
    await once(silent.resume(), "close");
  });
});
