/**
 * The admin port of a data plane: metrics, health, status, and what rules do to live traffic. It changes nothing.
 *
 * Plain `node:http`, since a data plane alone has no use for Fastify's memory.
 */

import { createServer, type IncomingMessage } from "node:http";
import { answerFor, RequestError } from "../control/answer.ts";
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

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

type DataTelemetry = Telemetry & { status(): Promise<object>; close(): Promise<void> };

/**
 * What a process with this data plane tells of it.
 * @param former how the run before ended
 * @param file where the configuration comes from, if it does from one
 */
export function telemetryOf(
  plane: DataPlane,
  kind: EngineKind,
  former: object,
  file?: { readonly status: object },
): DataTelemetry {
  const rates = new Rates(() => plane.snapshot());
  const telemetry = dataTelemetry({
    engine: kind,
    facts: () => plane.facts(),
    rates,
    status: async () => ({
      ...(await plane.status({ engine: kind.description, lastRun: former })),
      ...(file !== undefined && { config: file.status }),
    }),
  });
  return { ...telemetry, close: async () => rates.close() };
}

/**
 * Serves the admin port.
 * @returns undefined: nobody asked for it, and its port is taken; that is warned of
 * @throws StreamGateError SG_PORT_IN_USE, SG_SETTING for one that was asked for
 */
export async function serveAdmin(
  { adminPort, adminHost, prices }: Settings,
  plane: DataPlane,
  kind: EngineKind,
  telemetry: DataTelemetry,
): Promise<Listening | undefined> {
  const routes = routesOf(plane, kind, telemetry, prices);
  const create = () =>
    createServer({ requestTimeout: requestTimeoutMs, keepAliveTimeout: keepAliveMs }, (request, response) => {
      // Bodies are nothing that it takes.
      request.resume();
      answer(request, routes).then(({ status, contentType, body }) => {
        response.writeHead(status, { "content-type": contentType, "cache-control": "no-store", ...headers });
        response.end(request.method === "HEAD" ? undefined : body);
      });
    });
  try {
    const listening = await listenLocally(adminHost, adminPort ?? adminPortDefault, create, "ADMIN_PORT");
    log.info(`admin port on ${listening.addresses.join(" and ")}: /metrics, /healthz, /readyz, /status`);
    return listening;
  } catch (error) {
    if (adminPort !== undefined || !(error instanceof StreamGateError) || error.code !== "SG_PORT_IN_USE") throw error;
    log.warn(`no admin port: ${error.message}`);
    return undefined;
  }
}

const requestTimeoutMs = 10_000;
/** Longer than the usual scrape interval, so that a scraper keeps its connection. */
const keepAliveMs = 75_000;
const headers = { "x-content-type-options": "nosniff" };
const jsonType = "application/json; charset=utf-8";

type Route = (request: IncomingMessage, parameter: string) => Promise<Answer>;

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
          calls: ["/metrics", "/healthz", "/readyz", "/status", "/rules/{id}/effect"],
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
      async (_, id) => {
        const { effectOf } = await import("../control/effect_of_rule.ts");
        const effect = await effectOf(id, {
          manifest: plane.manifest ?? passthrough,
          evaluate: (plan, records) => evaluate(kind, plan, records),
          live: plane,
          // Nobody says here who asks.
          showsRecords: false,
          ...(price !== undefined && { price }),
        });
        return json(200, effect);
      },
    ],
  ]);
}

async function answer(request: IncomingMessage, routes: ReadonlyMap<string, Route>): Promise<Answer> {
  try {
    const path = (request.url ?? "/").split("?")[0]!;
    const { pattern, parameter } = routeOf(path);
    const route = routes.get(pattern);
    if (route === undefined)
      throw new RequestError(404, { where: path, what: "there is nothing here", fix: "GET / lists every call" });
    if (request.method !== "GET" && request.method !== "HEAD")
      throw new RequestError(405, { where: path, what: "this port changes nothing", fix: "ask with GET" });
    // A page from elsewhere must not read this port through the browser of someone on this machine.
    if (request.headers["sec-fetch-site"] === "cross-site")
      throw new RequestError(403, { where: "sec-fetch-site", what: "requests from other sites' pages are refused" });
    return await route(request, parameter);
  } catch (error) {
    if (!(error instanceof StreamGateError)) log.error(`the admin port cannot answer: ${(error as Error).message}`);
    const known =
      error instanceof StreamGateError
        ? error
        : new RequestError(500, { what: "the request failed; the program's log says why" });
    const { status, body } = answerFor(known);
    return json(status, body);
  }
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
