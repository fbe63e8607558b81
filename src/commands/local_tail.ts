/** `GET /tail` of a data plane alone, on its admin port, which has asked who it is that looks on. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Tails } from "../control/tail.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { openEvaluation } from "../data/engine/evaluate.ts";
import type { DataPlane } from "../data/worker/data_plane.ts";

export interface LocalTail {
  /** @throws StreamGateError before a byte is sent */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Ends all of them. */
  close(): void;
}

export function localTail(plane: DataPlane, kind: EngineKind): LocalTail {
  let tails: Tails | undefined;
  return {
    answer: async (request, response) => {
      // Loaded with the first call: detectors and rules' schemas are nothing that a data plane otherwise needs.
      const { answerTail, readTailQuery, Tails } = await import("../control/tail.ts");
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
