/**
 * The detectors against cases that nobody in this project wrote: at least 99.5 % of the values of level `must` are found, at most 0.3 %
 * of the look-alikes touched, on every engine. What is missed and why: docs/detectors.md.
 */

import { describe, expect, it } from "vitest";
import { detectors } from "../../src/detectors/index.ts";
import { readCorpus } from "./corpora.ts";
import { engines } from "./engines.ts";
import { redacted } from "./redacting.ts";

interface Case {
  readonly id: string;
  readonly detector: string;
  readonly text: string;
  /** Places count code points. */
  readonly spans: readonly { readonly start: number; readonly end: number }[];
  readonly expect: "redact" | "leave";
  readonly level: "must" | "should";
}

const corpus = readCorpus<Case>("pii");
const missing = typeof corpus === "string" ? corpus : undefined;
const cases = typeof corpus === "string" ? [] : corpus.filter(({ level }) => level === "must");

const recallMin = 0.995;
const touchedMax = 0.003;

describe.skipIf(missing !== undefined)(
  `the corpus of personal data${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    it.each(engines())("is found by $name, and its look-alikes are left", (kind) => {
      const wrong = { redact: [] as string[], leave: [] as string[] };
      for (const name of detectors.keys()) {
        const own = cases.filter(({ detector }) => detector === name);
        const { lines } = redacted(
          kind,
          { detector: name },
          own.map(({ text }) => text),
        );
        own.forEach((one, index) => {
          if (!agrees(one, lines[index]!)) wrong[one.expect].push(`${name} ${one.id}`);
        });
      }
      const share = (expected: Case["expect"]) =>
        wrong[expected].length / cases.filter((one) => one.expect === expected).length;
      expect(1 - share("redact"), `missed: ${wrong.redact.join(", ")}`).toBeGreaterThanOrEqual(recallMin);
      expect(share("leave"), `touched: ${wrong.leave.join(", ")}`).toBeLessThanOrEqual(touchedMax);
    });
  },
);

/** No value is there any more, nor a piece longer than half of one; or nothing has changed. */
function agrees({ text, spans, expect: expected }: Case, out: string): boolean {
  if (expected === "leave") return out === text;
  const points = Array.from(text);
  const values = spans.map(({ start, end }) => points.slice(start, end).join(""));
  let at = 0;
  const rest = spans
    .toSorted((a, b) => a.start - b.start)
    .map(({ start, end }) => {
      const before = points.slice(at, start).join("");
      at = end;
      return before;
    });
  const around = [...rest, points.slice(at).join("")].join("\n");
  return values.every((value) => {
    const length = Math.min(value.length, Math.max(8, Math.floor(value.length / 2) + 1));
    for (let i = 0; i + length <= value.length; i++) {
      const piece = value.slice(i, i + length);
      if (out.includes(piece) && !around.includes(piece)) return false;
    }
    return true;
  });
}
