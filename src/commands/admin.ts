/**
 * The admin port of a data plane: metrics, health, status, and what rules do to live traffic. It changes nothing.
 *
 * Plain `node:http`, since a data plane alone has no use for Fastify's memory.
 */

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import { answerFor, RequestError } from "../control/answer.ts";
import { accessOf } from "../control/auth/access.ts";
import { Authentication, authorize, bearerToken, type Caller, isLoopback } from "../control/auth/authentication.ts";
import type { Guards } from "../control/auth/guarded.ts";
import { endWhenRefused } from "../control/auth/guarded.ts";
import { refuseForeign } from "../control/auth/origin.ts";
import { permits } from "../control/auth/role.ts";
import { Connections, closeTimeoutMsMax } from "../control/connections.ts";
import { type Listening, listenLocally } from "../control/listen.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { evaluate } from "../data/engine/evaluate.ts";
import type { DataPlane } from "../data/worker/data_plane.ts";
import { StreamGateError } from "../errors.ts";
import { activePipeline, passthrough } from "../manifest/manifest.ts";
import { adminPortDefault, type Settings } from "../settings/settings.ts";
import { dataTelemetry } from "../telemetry/data_telemetry.ts";
import { log } from "../telemetry/process_log.ts";
import { Rates } from "../telemetry/rates.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { openCertificates } from "../tls/open_certificates.ts";
import type { LocalTail } from "./local_tail.ts";

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

type DataTelemetry = Telemetry & { status(): Promise<object>; close(): Promise<void> };

/**
 * What a process with this data plane tells of it.
 * @param former how the run before ended
 * @param more what `GET /status` tells besides
 */
export function telemetryOf(
  plane: DataPlane,
  kind: EngineKind,
  former: object,
  more: () => object = () => ({}),
): DataTelemetry {
  const rates = new Rates(() => plane.snapshot());
  const telemetry = dataTelemetry({
    engine: kind,
    facts: () => plane.facts(),
    rates,
    status: async () => ({ ...(await plane.status({ engine: kind.description, lastRun: former })), ...more() }),
  });
  return { ...telemetry, close: async () => rates.close() };
}

/**
 * Serves the admin port.
 * @param tail answers `GET /tail`; absent: another port of this process does
 * @param shared who is let in at another port of this process, and at this one too; absent: there is none
 * @returns undefined: nobody asked for it, and its port is taken; that is warned of
 * @throws StreamGateError SG_PORT_IN_USE, SG_SETTING for one that was asked for
 */
export async function serveAdmin(
  settings: Settings,
  plane: DataPlane,
  kind: EngineKind,
  telemetry: DataTelemetry,
  { tail, shared }: { readonly tail?: LocalTail; readonly shared?: Authentication } = {},
): Promise<Listening | undefined> {
  const { adminPort, adminHost, prices } = settings;
  shared?.guard(adminHost, adminPortWords);
  const authentication = shared ?? new Authentication({ ...settings, controlHost: adminHost }, log, adminPortWords);
  const { adminTlsCert: cert, adminTlsKey: key, adminTlsClientCa: clientCa } = settings;
  const tls = await openCertificates("ADMIN_TLS", { cert, key, clientCa }, log);
  if (authentication.required && tls === undefined && !isLoopback(adminHost))
    log.warn("tokens come to the admin port in plain text: set ADMIN_TLS_CERT and ADMIN_TLS_KEY");
  const hosts = isLoopback(adminHost) ? "loopback" : authentication.required ? "any" : "undotted";
  const origins = { hosts, ownHost: adminHost.toLowerCase(), allowedHosts: settings.controlAllowedHosts } as const;
  const guards = { authentication, origins };
  const routes = routesOf(plane, kind, telemetry, prices);
  const connections = new Connections();
  // Loaded where it is used.
  const https = tls === undefined ? undefined : await import("node:https");
  const secured: TlsServer[] = [];
  const create = () => {
    const listener: RequestListener = (request, response) => {
      connections.use(request, response);
      // Bodies are nothing that it takes.
      request.resume();
      const send = ({ status, contentType, body }: Answer) => {
        response.writeHead(status, { "content-type": contentType, "cache-control": "no-store", ...headers });
        response.end(request.method === "HEAD" ? undefined : body);
      };
      if (tail !== undefined && pathOf(request) === "/tail")
        answerTail(tail, request, response, guards).catch((error) => send(refusal(error)));
      else answer(request, routes, guards).then(send);
    };
    const track = (socket: Socket) => connections.add(socket);
    if (tls === undefined || https === undefined) return createServer(timing, listener).on("connection", track);
    const server = https.createServer({ ...timing, handshakeTimeout: timing.headersTimeout, ...tls.current }, listener);
    secured.push(server.on("connection", track));
    return server;
  };
  tls?.onChange((changed) => {
    for (const server of secured) server.setSecureContext(changed);
  });
  try {
    const listening = await listenLocally(adminHost, adminPort ?? adminPortDefault, create, "ADMIN_PORT");
    const words = tls === undefined ? "admin port" : "admin port (TLS)";
    log.info(`${words} on ${listening.addresses.join(" and ")}: /metrics, /healthz, /readyz, /status`);
    const close = async () => {
      tls?.close();
      const { shutdownTimeoutMs } = settings;
      await connections.endWith(() => listening.close(), Math.min(closeTimeoutMsMax, shutdownTimeoutMs));
    };
    return { ...listening, close };
  } catch (error) {
    tls?.close();
    if (adminPort !== undefined || !(error instanceof StreamGateError) || error.code !== "SG_PORT_IN_USE") throw error;
    log.warn(`no admin port: ${error.message}`);
    return undefined;
  }
}

const adminPortWords = { setting: "ADMIN_HOST", name: "admin port" };
const timing = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  // Longer than the usual scrape interval, so that a scraper keeps its connection.
  keepAliveTimeout: 75_000,
};
const headers = { "x-content-type-options": "nosniff" };
const jsonType = "application/json; charset=utf-8";

type Route = (request: IncomingMessage, parameter: string, caller: Caller | undefined) => Promise<Answer>;

function routesOf(
  plane: DataPlane,
  kind: EngineKind,
  telemetry: DataTelemetry,
  price: Settings["prices"],
): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    [
      "/",
      async () =>
        json(200, {
          status: "ok",
          service: "streamgate-data-plane",
          calls: ["/metrics", "/healthz", "/readyz", "/status", "/rules/{id}/effect", "/tail"],
        }),
    ],
    ["/metrics", async ({ headers: { accept } }) => ({ status: 200, ...(await telemetry.metrics(accept)) })],
    ["/healthz", async () => json(200, { status: "alive" })],
    [
      "/readyz",
      async () => {
        const readiness = telemetry.readiness();
        return json(readiness.ready ? 200 : 503, readiness);
      },
    ],
    [
      "/status",
      async () => {
        // Both of them load the rules' schemas, which a data plane otherwise does without.
        const [{ ruleFlags }, told, activity] = await Promise.all([
          import("../control/effect_report.ts"),
          telemetry.status(),
          plane.activity(),
        ]);
        const { processors } = activePipeline(plane.manifest ?? passthrough);
        return json(200, { ...told, rule_flags: ruleFlags(processors, activity, Date.now()) });
      },
    ],
    [
      "/rules/*/effect",
      async (_, id, caller) => {
        const { effectOf } = await import("../control/effect_of_rule.ts");
        const effect = await effectOf(id, {
          manifest: plane.manifest ?? passthrough,
          evaluate: (plan, records) => evaluate(kind, plan, records),
          live: plane,
          maySee: caller !== undefined && permits(caller.role, "write"),
          ...(price !== undefined && { price }),
        });
        return json(200, effect);
      },
    ],
  ]);
}

async function answer(
  request: IncomingMessage,
  routes: ReadonlyMap<string, Route>,
  { authentication, origins }: Guards,
): Promise<Answer> {
  try {
    // A page from elsewhere must not read this port through the browser of someone on this machine.
    refuseForeign("GET", request.headers, origins);
    const path = pathOf(request);
    const { pattern, parameter } = routeOf(path);
    const route = routes.get(pattern);
    if (route === undefined)
      throw new RequestError(404, { where: path, what: "there is nothing here", fix: "GET / lists every call" });
    checkMethod(request);
    return await route(request, parameter, callerOf(request, pattern, authentication));
  } catch (error) {
    return refusal(error);
  }
}

/** It goes on answering for as long as somebody reads. @throws StreamGateError before a byte is sent */
async function answerTail(
  tail: LocalTail,
  request: IncomingMessage,
  response: ServerResponse,
  { authentication, origins }: Guards,
): Promise<void> {
  refuseForeign("GET", request.headers, origins);
  checkMethod(request);
  const admitAgain = () => callerOf(request, "/tail", authentication);
  admitAgain();
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  await tail.answer(request, response);
  endWhenRefused({ admitAgain }, response, () => response.end());
}

function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?")[0]!;
}

function checkMethod(request: IncomingMessage): void {
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new RequestError(405, { where: pathOf(request), what: "this port changes nothing", fix: "ask with GET" });
}

function refusal(error: unknown): Answer {
  if (!(error instanceof StreamGateError)) log.error(`the admin port cannot answer: ${(error as Error).message}`);
  const known =
    error instanceof StreamGateError
      ? error
      : new RequestError(500, { what: "the request failed; the program's log says why" });
  const { status, body } = answerFor(known);
  return json(status, body);
}

/** Who asks. @returns undefined for what anybody may ask; @throws AccessError */
function callerOf(request: IncomingMessage, pattern: string, authentication: Authentication): Caller | undefined {
  const access = accessOf("GET", pattern.replace("*", ":id"));
  if (access === "open") return undefined;
  const caller = authentication.authenticate(
    bearerToken(request.headers.authorization),
    request.socket.remoteAddress ?? "",
  );
  authorize(caller, access, `GET ${pattern}`);
  return caller;
}

function routeOf(path: string): { pattern: string; parameter: string } {
  const [, id] = /^\/rules\/([^/]+)\/effect$/.exec(path) ?? [];
  if (id === undefined) return { pattern: path, parameter: "" };
  try {
    return { pattern: "/rules/*/effect", parameter: decodeURIComponent(id) };
  } catch {
    throw new RequestError(400, { where: path, what: "has a % that begins no escape" });
  }
}

function json(status: number, body: object): Answer {
  return { status, contentType: jsonType, body: JSON.stringify(body) };
}
