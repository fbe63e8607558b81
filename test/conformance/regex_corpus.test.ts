/** RE2's own answers to 16,330 patterns and texts, against every engine. What they count is in `docs/parity.md`. */

import { beforeAll, describe, expect, it } from "vitest";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { countCellsFixed, ruleCell } from "../../src/data/engine/layout.ts";
import { StreamGateError } from "../../src/errors.ts";
import { readCorpus } from "./corpora.ts";
import { engines, planOf, run } from "./engines.ts";

interface Case {
  readonly id: string;
  readonly pattern: string;
  readonly replacement?: string;
  readonly refused?: true;
  readonly message?: string;
  readonly text?: string;
  readonly text_b64?: string;
  readonly expected?: string;
  readonly expected_b64?: string;
  readonly count?: number;
}

/** How many of the corpus' cases have `\C` outside a class: RE2 takes it, StreamGate refuses it before any engine sees it. */
const anyByteCases = 921;

const cases = readCorpus<Case>("regex");
const missing = typeof cases === "string" ? cases : undefined;

/** Why the engine's answer is not RE2's; undefined when it is. */
function difference(kind: EngineKind, test: Case, prepared: ReturnType<typeof prepare>): string | undefined {
  if (test.refused) {
    if (typeof prepared !== "string") return "taken, though RE2 refuses it";
    return prepared.endsWith(`: ${test.message}`) ? undefined : `refused in other words: ${prepared}`;
  }
  if (typeof prepared === "string") return `refused: ${prepared}`;
  const text = test.text === undefined ? Buffer.from(test.text_b64!, "base64") : Buffer.from(test.text);
  const expected = test.expected === undefined ? Buffer.from(test.expected_b64!, "base64") : Buffer.from(test.expected);
  // An empty text is no record.
  if (text.length === 0) return undefined;
  const input = Buffer.alloc(4 + text.length);
  input.writeUInt32BE(text.length);
  text.copy(input, 4);
  const { records, counts } = run(kind, prepared, input, {
    framing: { kind: "length32" },
    batchRecords: 2,
    batchBytes: 8192,
  });
  if (records.length !== 1 || !records[0]!.equals(expected)) return "another text";
  if (counts[countCellsFixed + ruleCell.replacements] !== test.count) return "another number of matches";
  return undefined;
}

function prepare(kind: EngineKind, { pattern, replacement = "[R]" }: Case) {
  try {
    return kind.prepare(planOf([{ name: "replacePattern", args: [pattern, replacement] }]));
  } catch (error) {
    if (error instanceof StreamGateError) return error.message;
    throw error;
  }
}

for (const kind of engines()) {
  describe.skipIf(missing !== undefined)(`RE2's answers on ${kind.name}${missing ? `: ${missing}` : ""}`, () => {
    const differences = new Map<string, string>();

    beforeAll(() => {
      const prepared = new Map<string, ReturnType<typeof prepare>>();
      for (const test of cases as Case[]) {
        const key = `${test.pattern}\0${test.replacement}`;
        if (!prepared.has(key)) prepared.set(key, prepare(kind, test));
        const found = difference(kind, test, prepared.get(key)!);
        if (found !== undefined) differences.set(test.id, `${found} (${test.pattern})`);
      }
    });

    it("agrees on every case without \\C", () => {
      expect([...differences].filter(([, what]) => !what.includes("\\C"))).toEqual([]);
    });

    it("refuses \\C, or leaves that to the pattern check before it", () => {
      expect(differences.size).toBe(kind.name === "portable" ? anyByteCases : 0);
    });
  });
}
