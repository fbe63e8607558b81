/**
 * The port of the gRPC API. What listens is a plain socket of Node's: grpc-js and its protocol files take some 30 MB, and most gates run for
 * months without a gRPC client, so they are loaded when the first connection has said that it speaks HTTP/2 (its preface, RFC 9113 section 3.4).
 * A connection that says nothing, or something else, loads nothing.
 */

import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import type { CertificateFiles } from "../../tls/certificate_files.ts";
import { type Listening, listenLocally } from "../listen.ts";
import type { ControlLog } from "../routes/context.ts";
import { Clients } from "./clients.ts";
import type { GrpcServer } from "./server.ts";

/** From the connection to the whole preface. Nobody types it byte by byte. */
const prefaceTimeoutMs = 10_000;
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** For whoever looks in with a browser or curl. */
const otherProtocolAnswer = Buffer.from(
  [
    "HTTP/1.1 400 Bad Request",
    "content-type: text/plain; charset=utf-8",
    "connection: close",
    "",
    "This port speaks gRPC over HTTP/2 (docs/grpc.md); the REST API has its own.\n",
  ].join("\r\n"),
);

export interface ListenerOptions {
  /** `localhost`: both loopback addresses. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Makes what answers, and tells `clients` whose calls it lets in; called at the first connection that speaks HTTP/2. */
  readonly load: (clients: Clients) => Promise<GrpcServer>;
  /** Connections at once. */
  readonly clientsMax?: number;
  /** Certificate and key of the control API; absent: it speaks plain text. */
  readonly tls?: CertificateFiles;
  readonly log: ControlLog;
}

export interface GrpcListener extends Omit<Listening, "close"> {
  /** Takes no more connections and calls, lets calls that run finish for as long as given, closes. */
  close(graceMs: number): Promise<void>;
}

/** @throws StreamGateError SG_PORT_IN_USE, SG_SETTING */
export async function listenForGrpc({
  host,
  port,
  load,
  tls,
  log,
  clientsMax,
}: ListenerOptions): Promise<GrpcListener> {
  let server: Promise<GrpcServer> | undefined;
  let closed: Promise<void> | undefined;
  /** Those that have not said yet what they speak. */
  const silent = new Set<Socket>();
  const clients = new Clients(clientsMax);
  const loaded = () => {
    server ??= load(clients).catch((error: unknown) => {
      // The next connection may find what this one did not (a full disk, an upgrade under way).
      server = undefined;
      log.error(`the gRPC API could not be loaded: ${(error as Error).message}`);
      throw error;
    });
    return server;
  };
  const accept = (socket: Socket) => {
    // A client that goes away is no fault; the session has its own listener later.
    socket.on("error", () => socket.destroy());
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
    awaitPreface(socket, () => {
      silent.delete(socket);
      loaded().then(
        ({ take }) => {
          if (closed !== undefined || socket.destroyed) socket.destroy();
          else take(socket);
        },
        () => socket.destroy(),
      );
    });
  };
  // Loaded where it is used.
  const createTls = tls === undefined ? undefined : (await import("node:tls")).createServer;
  const secure: TlsServer[] = [];
  const create = (): Server => {
    const options = { noDelay: true, keepAlive: true };
    let listener: Server;
    if (tls === undefined || createTls === undefined) listener = createTcpServer(options, accept);
    else {
      const server = createTls({
        ...options,
        ...tls.current,
        ALPNProtocols: ["h2"],
        handshakeTimeout: prefaceTimeoutMs,
      });
      secure.push(server.on("secureConnection", accept));
      // A handshake that fails is the client's affair; Node closes the connection.
      listener = server.on("tlsClientError", () => {});
    }
    // With TLS these are the sockets below it.
    listener.on("connection", (socket) => clients.add(socket));
    return listener;
  };
  const forgetTls = tls?.onChange((changed) => {
    for (const server of secure) server.setSecureContext(changed);
  });
  const listening = await listenLocally(host, port, create, "GRPC_PORT").catch((error: unknown) => {
    forgetTls?.();
    throw error;
  });
  return {
    port: listening.port,
    addresses: listening.addresses,
    close(graceMs) {
      closed ??= (async () => {
        forgetTls?.();
        const ended = listening.close();
        for (const socket of silent) socket.destroy();
        const running = await server?.catch(() => undefined);
        running?.stop();
        const timer = setTimeout(() => clients.closeAll(), graceMs);
        await ended;
        clearTimeout(timer);
        running?.end();
      })();
      return closed;
    },
  };
}

/** Calls `onPreface` once the first bytes are HTTP/2's, leaving them unread; ends a connection that says anything else. */
function awaitPreface(socket: Socket, onPreface: () => void): void {
  socket.setTimeout(prefaceTimeoutMs, () => socket.destroy());
  let begun = Buffer.alloc(0);
  const look = () => {
    const chunk = socket.read() as Buffer | null;
    // The end of the stream is readable, too.
    if (chunk === null) return;
    begun = Buffer.concat([begun, chunk]);
    const length = Math.min(begun.length, preface.length);
    const fits = begun.subarray(0, length).equals(preface.subarray(0, length));
    if (fits && length < preface.length) return;
    socket.off("readable", look);
    if (!fits) {
      socket.end(otherProtocolAnswer, () => socket.destroy());
      return;
    }
    socket.setTimeout(0);
    // The session reads what a socket has read before it, as Node's HTTP servers leave it for an upgrade.
    socket.unshift(begun);
    onPreface();
  };
  socket.on("readable", look);
}
