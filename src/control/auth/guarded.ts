/** Puts an application behind its guards, in this order: headers, foreign pages, token, role. What passes knows its caller. */

import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { accessOf } from "./access.ts";
import { type Authentication, authorize, bearerToken, type Caller } from "./authentication.ts";
import { type OriginRules, refuseForeign } from "./origin.ts";
import { permits } from "./role.ts";
import { securityHeaders } from "./security_headers.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set where a call asked for a token. */
    caller?: Caller;
    /** Asks again. @throws AccessError */
    admitAgain?: () => Caller;
  }
}

export interface Guards {
  readonly authentication: Authentication;
  readonly origins: OriginRules;
}

/** @param asksForTokens false: for an application that another one hands its requests to */
export function guard(app: FastifyInstance, { authentication, origins }: Guards, asksForTokens: boolean): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders(request.url));
    refuseForeign(request.method, request.headers, origins);
    if (!asksForTokens) return;
    const access = accessOf(request.method, request.is404 ? undefined : request.routeOptions.url);
    if (access === "open") return;
    const admit = () => {
      const caller = authentication.authenticate(bearerToken(request.headers.authorization), request.ip);
      authorize(caller, access, `${request.method} ${request.routeOptions.url ?? request.url.split("?")[0]}`);
      return caller;
    };
    request.caller = admit();
    request.actor = request.caller.actor;
    request.admitAgain = admit;
  });
}

const askAgainMs = 2_000;

/** Ends an answer that goes on and on when its caller's token is let in no more. @param end called once then */
export function endWhenRefused({ admitAgain }: FastifyRequest, response: ServerResponse, end: () => void): void {
  if (admitAgain === undefined) return;
  const timer = setInterval(() => {
    try {
      admitAgain();
    } catch {
      clearInterval(timer);
      end();
    }
  }, askAgainMs).unref();
  response.once("close", () => clearInterval(timer));
}

/** Whether the caller may see what is left of records' text. */
export function maySeeRecords({ caller }: FastifyRequest): boolean {
  return caller !== undefined && permits(caller.role, "write");
}
