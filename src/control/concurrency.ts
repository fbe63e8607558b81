/** Entity tags on the wire: `If-Match` of a request, `ETag` of an answer. What they mean: `revision.ts`. */

import type { FastifyReply, FastifyRequest } from "fastify";
import { actorOf } from "./actor.ts";
import type { Edit } from "./draft_edits.ts";

export function editOf(request: FastifyRequest): Edit {
  return { actor: actorOf(request), ifMatch: request.headers["if-match"] };
}

/** @returns the body, so that a route can end with it */
export function answerWithTag<T>(reply: FastifyReply, tag: string, body: T): T {
  reply.header("etag", tag);
  return body;
}
