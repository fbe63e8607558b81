/** `GET /`: is it there, and what runs. */

import type { FastifyInstance } from "fastify";
import { Type } from "../../typebox.ts";
import { version } from "../../version.ts";
import type { RouteContext } from "./context.ts";

export function rootRoutes(app: FastifyInstance, { store }: RouteContext): void {
  app.get(
    "/",
    {
      schema: {
        tags: ["service"],
        summary: "Status",
        response: {
          200: Type.Object(
            {
              status: Type.Literal("ok"),
              service: Type.Literal("streamgate-control-plane"),
              version: Type.String({ description: "Version of the program." }),
              published_version: Type.Union([Type.String(), Type.Null()], {
                description: "Version of the manifest that was published last; null before the first.",
              }),
              docs: Type.String({ description: "Path of the interactive documentation." }),
            },
            {
              description: "It is there.",
              examples: [
                { status: "ok", service: "streamgate-control-plane", version, published_version: "7", docs: "/docs" },
              ],
            },
          ),
        },
      },
    },
    async () => ({
      status: "ok",
      service: "streamgate-control-plane",
      version,
      published_version: store.published?.version ?? null,
      docs: "/docs",
    }),
  );
}
