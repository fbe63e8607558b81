/** Where the cells of routes lie: behind the rules' in the ledger, as in the engine's counts, so that one copy carries them. */

import { expect, it } from "vitest";
import { countCellsFixed, countCellsOf, countCellsPerRoute, countCellsPerRule } from "../engine/layout.ts";
import { ledgerOffsets } from "./layout.ts";

it("a ledger's counts hold what an engine counts, routes included", () => {
  const rule = { id: "a", type: "filter", class: "reduce" } as const;
  const condition = { kind: "literal", literal: new Uint8Array(1) } as const;
  const plan = { rules: [rule, rule], operations: [], routes: [{ output: 1, condition }] };
  const offsets = ledgerOffsets({ outputs: 3, rules: 2, routes: 1 });
  expect(offsets.cells - offsets.counts).toBe(countCellsOf(plan));
  expect(offsets.route(0) - offsets.counts).toBe(countCellsFixed + 2 * countCellsPerRule);
  expect(offsets.cells).toBe(offsets.route(0) + countCellsPerRoute);
  expect(ledgerOffsets({ outputs: 3, rules: 2 }).cells).toBe(offsets.route(0));
});
