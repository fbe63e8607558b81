/**
 * Which call asks for which role: every route of the control API in one table. A route that is not in it asks for `admin`, and a test
 * names it.
 *
 * `read` sees what is configured and counted, and no record's text. `write` changes rules and outputs, and sees of records what is left of
 * them when protect rules and all detectors have run (preview, rule tests, examples): who writes rules has to see what they do. `admin`
 * watches live records leave. What is the same for every installation (the documentation) or tells only whether the process is well is open.
 */

import type { Access } from "./role.ts";

export const routeAccess: Readonly<Record<string, Access>> = {
  "GET /": "read",
  "GET /docs": "open",
  "GET /docs/*": "open",
  "GET /openapi.json": "open",
  "GET /healthz": "open",
  "GET /readyz": "open",
  "GET /metrics": "read",
  "GET /status": "read",

  "GET /rules": "read",
  "POST /rules": "write",
  "PUT /rules/:id": "write",
  "DELETE /rules/:id": "write",
  "GET /rules/:id/effect": "read",
  "POST /rules/:id/promote": "write",
  "POST /rules/preview": "write",
  "POST /rules/test": "write",

  "GET /outputs": "read",
  "POST /outputs": "write",
  "DELETE /outputs": "write",
  "GET /outputs/:id": "read",
  "PUT /outputs/:id": "write",
  "DELETE /outputs/:id": "write",
  // It sends a record to the destination.
  "POST /outputs/:id/test": "write",

  "GET /config/batch_size": "read",
  "POST /config/batch_size": "write",
  "POST /publish": "write",

  "GET /manifest": "read",
  "PUT /manifest": "write",
  "GET /versions": "read",
  "GET /versions/:version": "read",
  "POST /versions/:version/rollback": "write",
  "GET /diff": "read",
  "GET /planes": "read",
  "GET /tail": "admin",
};

/** @param route as it was added, such as `/rules/:id`; undefined: there is none, and anybody who was let in may learn that */
export function accessOf(method: string, route: string | undefined): Access {
  if (route === undefined) return "read";
  return routeAccess[`${method === "HEAD" ? "GET" : method} ${route}`] ?? "admin";
}
