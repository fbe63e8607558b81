/** Which connection has to go when there are too many: seen by real clients of a real server. */

import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
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
