/**
 * `GET /tail` on a data plane's admin port, which asks nobody who they are: so it answers those alone who are on the machine (`kubectl
 * port-forward` is, a scraper on the network is not).
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { RequestError } from "../control/answer.ts";
import type { Tails } from "../control/tail.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { openEvaluation } from "../data/engine/evaluate.ts";
import type { DataPlane } from "../data/worker/data_plane.ts";

export interface LocalTail {
  /** Whether the call is one of its. */
  takes(request: IncomingMessage): boolean;
  /** @throws StreamGateError before a byte is sent */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): void;
}

export function localTail(plane: DataPlane, kind: EngineKind): LocalTail {
  let tails: Tails | undefined;
  return {
    takes: ({ url = "" }) => url.split("?")[0] === "/tail",
    answer: async (request, response) => {
      // Loaded with the first call: detectors and rules' schemas are nothing that a data plane otherwise needs.
      const [{ answerTail, readTailQuery, Tails }, { refuseForeign }, { isLoopback }] = await Promise.all([
        import("../control/tail.ts"),
        import("../control/auth/origin.ts"),
        import("../control/auth/authentication.ts"),
      ]);
      if (request.method !== "GET")
        throw new RequestError(405, { where: "/tail", what: "this port changes nothing", fix: "ask with GET" });
      if (!isLoopback(request.socket.remoteAddress ?? ""))
        throw new RequestError(403, {
          where: "/tail",
          what: "records are shown to those alone who are on this machine",
          fix: "ask from there, through `kubectl port-forward` or ssh, or the control API of `streamgate run` with a token",
        });
      refuseForeign("GET", request.headers, { hosts: "loopback", ownHost: "localhost", allowedHosts: [] });
      const { searchParams } = new URL(request.url ?? "", "http://localhost");
      const query = Object.fromEntries(
        [...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)]),
      );
      tails ??= new Tails({ live: plane, open: (plan) => openEvaluation(kind, plan) });
      answerTail(tails, readTailQuery(query), request, response);
    },
    close: () => tails?.close(),
  };
}
