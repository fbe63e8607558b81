/** The control API's documentation: `/openapi.json`, and `/docs` to read and try it in a browser. */

import fastifySwagger from "@fastify/swagger";
import fastifySwaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { version } from "../version.ts";

/** As much of the documentation's shape as is changed here. */
interface OpenApiPaths {
  paths: Record<string, { post?: { requestBody?: { required?: boolean } } } | undefined>;
}

/** @param app documents the routes that are added after this */
export async function addDocumentation(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "StreamGate control API",
        description:
          "Rules, outputs and batch size are a draft until `POST /publish`; only then do data planes change.",
        version,
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      // The second: where no token is asked for.
      security: [{ token: [] }, {}],
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
}
