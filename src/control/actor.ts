/** Whose call it was: the name of the token that came with it, and where from. Written into versions and the audit file. */

import type { FastifyRequest } from "fastify";

export interface Actor {
  /** Of the token; `local` where none was asked for. */
  readonly name: string;
  /** Of the connection. */
  readonly address: string;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Set by whoever checked the token. */
    actor?: Actor;
  }
}

export function actorOf(request: FastifyRequest): Actor {
  return request.actor ?? { name: "local", address: request.ip };
}
