/** Each detector finds its positives and leaves its look-alikes, on every engine: the tables stand in src/detectors/. */

import { describe, expect, it } from "vitest";
import { detectors } from "../../src/detectors/index.ts";
import { scanPattern } from "../../src/plan/pattern.ts";
import { engines } from "./engines.ts";
import { redacted } from "./redacting.ts";

const tables = [...detectors.values()].map((detector) => [detector.name, detector] as const);

describe.each(tables)("detector %s", (name, { positives, lookAlikes, pattern }) => {
  it.each(engines())("finds its positives on $name, and nothing around them", (kind) => {
    const wanted = positives.map(({ text, values }) => {
      let rest = text;
      let out = "";
      for (const value of values) {
        const at = rest.indexOf(value);
        expect(at, `${JSON.stringify(value)} is not in its own text`).toBeGreaterThanOrEqual(0);
        out += `${rest.slice(0, at)}[${name}]`;
        rest = rest.slice(at + value.length);
      }
      return out + rest;
    });
    const texts = positives.map(({ text }) => text);
    expect(redacted(kind, { detector: name }, texts).lines).toEqual(wanted);
  });

  it.each(engines())("leaves its look-alikes alone on $name", (kind) => {
    expect(redacted(kind, { detector: name }, lookAlikes).lines).toEqual(lookAlikes);
  });

  it.each(engines())("finds the same within JSON, escaped JSON and a URL on $name", (kind) => {
    for (const { text, values } of positives) {
      const encodings = [
        JSON.stringify({ message: text }),
        JSON.stringify({ outer: JSON.stringify({ inner: text }) }),
        `{"escaped":"${Array.from(text, (c) => (c < "\x80" ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : c)).join("")}"}`,
        `GET /x?q=${Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}&z=1`,
      ];
      const { lines, withheld } = redacted(kind, { detector: name }, encodings);
      expect(withheld).toBe(0);
      lines.forEach((line, index) => {
        expect(line.split(`[${name}]`).length - 1, encodings[index]).toBe(values.length);
        if (index < 3) expect(() => JSON.parse(line)).not.toThrow();
      });
    }
  });

  it("has a pattern whose matches have an upper length", () => {
    expect(scanPattern(pattern).unbounded).toBe(false);
  });
});
