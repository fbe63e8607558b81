/** Reads request bodies: JSON within bounds, and nothing where a route needs nothing. */

import type { FastifyInstance } from "fastify";
import { RequestError } from "./answer.ts";

/** Largest body. A draft of a thousand rules takes about 200 KiB. */
export const bodyBytesMax = 1024 * 1024;
/** Deepest nesting of lists and objects; a manifest needs about 6. Code that walks a body recursively relies on it. */
const depthMax = 32;

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
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    // V8 quotes the text around the place, which may be a secret: only the place is told.
    const place = /position \d+( \(line \d+ column \d+\))?/.exec((error as Error).message)?.[0];
    throw new RequestError(422, {
      where: "body",
      what: `is no JSON${place === undefined ? "" : `: wrong at ${place}`}`,
      fix: "send a JSON object in UTF-8",
    });
  }
  if (depthOf(value) > depthMax) {
    throw new RequestError(422, { where: "body", what: `is nested deeper than ${depthMax} levels` });
  }
  return value;
}

/** Depth of nesting, counted without recursion: a body of brackets alone would exhaust the stack. */
function depthOf(value: unknown): number {
  let depth = 0;
  let level: unknown[] = [value];
  while (level.length > 0 && depth <= depthMax + 1) {
    const next = level
      .filter((part) => typeof part === "object" && part !== null)
      .flatMap((part) => Object.values(part as object));
    if (next.length === 0 && !level.some((part) => typeof part === "object" && part !== null)) break;
    level = next;
    depth++;
  }
  return depth;
}
