/** The control API: Fastify, its errors, its port. One file a resource lies in `routes/`. */

import { createServer, type RequestListener, type Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyServerOptions,
} from "fastify";
import { StreamGateError } from "../errors.ts";
import type { CertificateFiles } from "../tls/certificate_files.ts";
import { answerFor, RequestError } from "./answer.ts";
import { AccessError, Authentication, isLoopback } from "./auth/authentication.ts";
import { type Guards, guard } from "./auth/guarded.ts";
import { securityHeaders } from "./auth/security_headers.ts";
import { bodyBytesMax, parseBodies } from "./body.ts";
import { Connections, closeTimeoutMsMax } from "./connections.ts";
import { listenLocally } from "./listen.ts";
import { batchSizeRoutes } from "./routes/batch_size.ts";
import type { RouteContext } from "./routes/context.ts";
import { effectRoutes } from "./routes/effect.ts";
import { manifestRoutes } from "./routes/manifest.ts";
import { outputsRoutes } from "./routes/outputs.ts";
import { planesRoutes } from "./routes/planes.ts";
import { previewRoutes } from "./routes/preview.ts";
import { publishRoutes } from "./routes/publish.ts";
import { rootRoutes } from "./routes/root.ts";
import { ruleTestsRoutes } from "./routes/rule_tests.ts";
import { rulesRoutes } from "./routes/rules.ts";
import { statusRoutes } from "./routes/status.ts";
import { tailRoutes } from "./routes/tail.ts";
import { telemetryRoutes } from "./routes/telemetry.ts";
import { versionsRoutes } from "./routes/versions.ts";

export type { ControlLog } from "./routes/context.ts";

export interface ControlOptions extends RouteContext {
  /** `localhost`: both loopback addresses. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** How long requests in progress may hold up the close, if it is less than `closeTimeoutMsMax`. */
  readonly shutdownTimeoutMs: number;
  /** Absent: none is asked for, which only an address on loopback may do. */
  readonly authentication?: Authentication;
  /** Further names by which clients call it, lower case. */
  readonly allowedHosts?: readonly string[];
  /** Absent: plain HTTP. */
  readonly tls?: CertificateFiles;
}

export interface ControlServer {
  readonly port: number;
  readonly addresses: readonly string[];
  /** Takes no more requests, lets those that run finish, closes. Calling it twice does no harm. */
  close(): Promise<void>;
}

/** Answered by the documentation's application (`documentation.ts`). */
const documentationUrls = ["/openapi.json", "/docs", "/docs/*"];
/**
 * Bodies are read by the same readers as files and Redis, which name the field and the remedy; schemas here document. Given as
 * factories, so that Fastify does not load its own compilers.
 */
const documentingOnly = {
  compilersFactory: {
    buildValidator: () => () => () => true,
    buildSerializer: () => () => (value: unknown) => JSON.stringify(value),
  },
} as unknown as NonNullable<FastifyServerOptions["schemaController"]>;
/**
 * A client that has not finished its handshake and the head of its request by then is dropped, and one whose body has not arrived whole by
 * then: nobody types them. Looked at every second.
 */
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
const timing = {
  headersTimeout: headersTimeoutMs,
  requestTimeout: requestTimeoutMs,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
};
/**
 * A client that has taken nothing of its answer for this long is dropped. Longer than the longest wait for an answer, that for data planes
 * (`publication_request.ts`); the tail, which may have nothing to say, does without.
 */
const unreadTimeoutMs = 90_000;
/** Longest id in a path once it is percent-encoded: 256 characters of up to 4 bytes, 3 characters each. */
const pathParameterMax = 256 * 4 * 3;

/**
 * Serves the control API.
 * @throws StreamGateError SG_PORT_IN_USE, SG_SETTING
 */
export async function startControl(options: ControlOptions): Promise<ControlServer> {
  const { host, tls, allowedHosts = [] } = options;
  const authentication =
    options.authentication ?? new Authentication({ controlHost: host, controlAuth: "on" }, options.log);
  const hosts = isLoopback(host) ? "loopback" : authentication.required ? "any" : "undotted";
  const origins = { hosts, ownHost: host.toLowerCase(), allowedHosts } as const;
  const app = await buildControl(options, { authentication, origins });
  await app.ready();
  const servers: (Server | TlsServer)[] = [];
  // Loaded where it is used.
  const https = tls === undefined ? undefined : await import("node:https");
  const connections = new Connections();
  const create = () => {
    const answer: RequestListener = (request, response) => {
      connections.use(request, response);
      app.routing(request, response);
    };
    const server =
      tls === undefined || https === undefined
        ? createServer(timing, answer)
        : https.createServer({ ...timing, handshakeTimeout: headersTimeoutMs, ...tls.current }, answer);
    server.timeout = unreadTimeoutMs;
    server.on("connection", (socket) => connections.add(socket));
    servers.push(server);
    return server;
  };
  const forgetTls = tls?.onChange((changed) => {
    for (const server of servers) (server as TlsServer).setSecureContext(changed);
  });
  const listening = await listenLocally(options.host, options.port, create, "CONTROL_PORT").catch(
    async (error: unknown) => {
      await app.close();
      throw error;
    },
  );
  let closing: Promise<void> | undefined;
  return {
    port: listening.port,
    addresses: listening.addresses,
    close() {
      closing ??= (async () => {
        options.tails?.close();
        const timeoutMs = Math.min(closeTimeoutMsMax, options.shutdownTimeoutMs);
        await connections.endWith(() => listening.close(), timeoutMs);
        forgetTls?.();
        await app.close();
      })();
      return closing;
    },
  };
}

/** The application without a port; `inject` drives it in tests. */
async function buildControl(context: RouteContext, guards: Guards): Promise<FastifyInstance> {
  const app = createApp(context, guards, true);
  addRoutes(app, context);
  let documentation: Promise<FastifyInstance> | undefined;
  for (const url of documentationUrls)
    app.get(url, async (request, reply) => {
      documentation ??= buildDocumentation(context, guards);
      const { routing } = await documentation;
      reply.hijack();
      routing(request.raw, reply.raw);
    });
  app.addHook("onClose", async () => {
    await (await documentation?.catch(() => {}))?.close();
  });
  return app;
}

/**
 * The documentation is an application of its own, built when somebody opens it: most gates run for months without, and its
 * plugins have to see every route before the first request.
 */
async function buildDocumentation(context: RouteContext, guards: Guards): Promise<FastifyInstance> {
  const { addDocumentation } = await import("./documentation.ts");
  const app = createApp(context, guards, false);
  await addDocumentation(app);
  addRoutes(app, context);
  await app.ready();
  return app;
}

function addRoutes(app: FastifyInstance, context: RouteContext): void {
  for (const routes of [
    rootRoutes,
    rulesRoutes,
    ruleTestsRoutes,
    previewRoutes,
    effectRoutes,
    outputsRoutes,
    batchSizeRoutes,
    publishRoutes,
    manifestRoutes,
    versionsRoutes,
    planesRoutes,
    statusRoutes,
    telemetryRoutes,
    tailRoutes,
  ])
    routes(app, context);
}

/** An application without routes: how bodies are read, and what is said when something goes wrong. */
function createApp(context: RouteContext, guards: Guards, asksForTokens: boolean): FastifyInstance {
  const app = Fastify({
    bodyLimit: bodyBytesMax,
    routerOptions: { maxParamLength: pathParameterMax, ignoreTrailingSlash: true },
    schemaController: documentingOnly,
    // Of a path that cannot be read: no hook has run.
    frameworkErrors: (error, request, reply) => {
      const { status, body } = answerFor(requestError(error));
      void (reply as FastifyReply).headers(securityHeaders(request.url)).code(status).send(body);
    },
  });
  parseBodies(app);
  guard(app, guards, asksForTokens);

  app.setErrorHandler((error: FastifyError | StreamGateError, request, reply) => {
    const known = error instanceof StreamGateError ? error : requestError(error);
    const { status, body } = answerFor(known);
    // 501 is for who asks the wrong process: nothing is wrong with this one.
    if (status >= 500 && status !== 501)
      context.log.error(`${request.method} ${request.routeOptions.url ?? "?"}: ${error.message}`);
    // What was refused before its body was read is not read to its end.
    if (!request.raw.complete) reply.header("connection", "close");
    if (status === 401) reply.header("www-authenticate", 'Bearer realm="streamgate"');
    if (error instanceof AccessError && error.retryAfterS !== undefined)
      reply.header("retry-after", String(error.retryAfterS));
    void reply.code(status).send(body);
  });
  app.setNotFoundHandler((request, reply) => {
    const { body } = answerFor(
      new RequestError(404, {
        where: `${request.method} ${request.url.split("?")[0]}`,
        what: "there is nothing here",
        fix: "/docs lists every call",
      }),
    );
    void reply.code(404).send(body);
  });

  return app;
}

/** Fastify's own refusals in the words of this API; anything else is a fault of ours, whose text stays in the log. */
function requestError(error: FastifyError): RequestError {
  const status = error.statusCode ?? 500;
  if (status === 413) {
    return new RequestError(413, {
      where: "body",
      what: `is larger than ${bodyBytesMax} bytes`,
      fix: "send less at once",
    });
  }
  if (status >= 400 && status < 500) return new RequestError(status, { what: error.message });
  return new RequestError(500, { what: "the request failed; the program's log says why" });
}
