/** The control API: Fastify, its documentation, its errors, its port. One file a resource lies in `routes/`. */

import { createServer } from "node:http";
import fastifySwagger from "@fastify/swagger";
import fastifySwaggerUi from "@fastify/swagger-ui";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import { StreamGateError } from "../errors.ts";
import { version } from "../version.ts";
import { answerFor, RequestError } from "./answer.ts";
import { bodyBytesMax, parseBodies } from "./body.ts";
import { listenLocally } from "./listen.ts";
import { batchSizeRoutes } from "./routes/batch_size.ts";
import type { RouteContext } from "./routes/context.ts";
import { outputsRoutes } from "./routes/outputs.ts";
import { publishRoutes } from "./routes/publish.ts";
import { rootRoutes } from "./routes/root.ts";
import { rulesRoutes } from "./routes/rules.ts";

export type { ControlLog } from "./routes/context.ts";

export interface ControlOptions extends RouteContext {
  /** `localhost`: both loopback addresses. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** How long requests in progress may hold up the close, if it is less than `closeTimeoutMsMax`. */
  readonly shutdownTimeoutMs: number;
}

export interface ControlServer {
  readonly port: number;
  readonly addresses: readonly string[];
  /** Takes no more requests, lets those that run finish, closes. Calling it twice does no harm. */
  close(): Promise<void>;
}

/** As much of the documentation's shape as is changed here. */
interface OpenApiPaths {
  paths: Record<string, { post?: { requestBody?: { required?: boolean } } } | undefined>;
}

/** A request that has not arrived whole by then is dropped: nobody types a body byte by byte. */
const requestTimeoutMs = 30_000;
/** The slowest request is a publication, which gives up on Redis within about this time. */
const closeTimeoutMsMax = 3_000;
/** Longest id in a path once it is percent-encoded: 256 characters of up to 4 bytes, 3 characters each. */
const pathParameterMax = 256 * 4 * 3;

/**
 * Serves the control API.
 * @throws StreamGateError SG_PORT_IN_USE, SG_SETTING
 */
export async function startControl(options: ControlOptions): Promise<ControlServer> {
  const app = await buildControl(options);
  await app.ready();
  const servers: ReturnType<typeof createServer>[] = [];
  const create = () => {
    const server = createServer({ requestTimeout: requestTimeoutMs, keepAliveTimeout: 5_000 }, (request, response) =>
      app.routing(request, response),
    );
    servers.push(server);
    return server;
  };
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
        const timer = setTimeout(
          () => {
            for (const server of servers) server.closeAllConnections();
          },
          Math.min(closeTimeoutMsMax, options.shutdownTimeoutMs),
        );
        await listening.close();
        clearTimeout(timer);
        await app.close();
      })();
      return closing;
    },
  };
}

/** The application without a port; `inject` drives it in tests. */
export async function buildControl(context: RouteContext): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: bodyBytesMax,
    routerOptions: { maxParamLength: pathParameterMax, ignoreTrailingSlash: true },
    frameworkErrors: (error, _request, reply) => {
      const { status, body } = answerFor(requestError(error));
      void (reply as FastifyReply).code(status).send(body);
    },
  });
  // Bodies are read by the same readers as files and Redis, which name the field and the remedy; schemas here document.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  parseBodies(app);

  app.setErrorHandler((error: FastifyError | StreamGateError, request, reply) => {
    const known = error instanceof StreamGateError ? error : requestError(error);
    const { status, body } = answerFor(known);
    if (status >= 500) context.log.error(`${request.method} ${request.routeOptions.url ?? "?"}: ${error.message}`);
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
  app.addHook("onRequest", async (request) => {
    // A page from elsewhere must not reach a control API on localhost through the browser of someone who has it open.
    if (request.headers["sec-fetch-site"] !== "cross-site") return;
    throw new RequestError(403, { where: "sec-fetch-site", what: "requests from other sites' pages are refused" });
  });

  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "StreamGate control API",
        description:
          "Rules, outputs and batch size are a draft until `POST /publish`; only then do data planes change.",
        version,
      },
      tags: [
        { name: "service", description: "The service itself" },
        { name: "rules", description: "What is dropped and redacted, in order" },
        { name: "outputs", description: "Where records go; none: to the console" },
        { name: "config", description: "Further settings of the draft" },
        { name: "publish", description: "From draft to running" },
      ],
    },
    transformObject: (document) => {
      const { openapiObject } = document as { openapiObject: OpenApiPaths };
      // The plugin calls every body required; here the size may come in the query instead.
      delete openapiObject.paths["/config/batch_size"]?.post?.requestBody?.required;
      return openapiObject as object;
    },
  });
  await app.register(fastifySwaggerUi, { routePrefix: "/docs" });
  app.get("/openapi.json", { schema: { hide: true } as object }, async () => app.swagger());
  for (const routes of [rootRoutes, rulesRoutes, outputsRoutes, batchSizeRoutes, publishRoutes]) routes(app, context);
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
