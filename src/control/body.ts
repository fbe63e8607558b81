/** Reads request bodies: JSON within bounds, and nothing where a route needs nothing. */

import type { FastifyInstance } from "fastify";
import { parseJson } from "../json.ts";
import { RequestError } from "./answer.ts";

/** Largest body. A draft of a thousand rules takes about 200 KiB. */
export const bodyBytesMax = 1024 * 1024;
/** Deepest nesting of a body: less than a manifest's, which wraps rules and outputs and must still be readable. */
export const bodyDepthMax = 32;

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route ignores its body, whatever it is: `curl -X POST -d ''` sends a form's content type. */
    bodyIgnored?: boolean;
  }
}

export function parseBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: bodyBytesMax }, (request, body, done) => {
    try {
      const ignored = request.routeOptions.config.bodyIgnored === true;
      done(null, ignored ? undefined : parse(request.headers["content-type"], body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

function parse(contentType: string | undefined, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const type = /^[^;]*/
    .exec(contentType ?? "")![0]
    .trim()
    .toLowerCase();
  if (type !== "" && type !== "application/json" && !type.endsWith("+json")) {
    throw new RequestError(415, {
      where: "content-type",
      what: `${type} is not taken here`,
      fix: "send JSON with content-type: application/json",
    });
  }
  try {
    return parseJson(body, bodyDepthMax);
  } catch (error) {
    throw new RequestError(422, { where: "body", what: (error as Error).message, fix: "send a JSON object in UTF-8" });
  }
}
