/** JSON from outside: what is wrong is told by its place, and nothing of the text is repeated. */

import { describe, expect, it } from "vitest";
import { parseJson } from "./json.ts";

const refusal = (text: string | Uint8Array, depthMax?: number) => {
  try {
    parseJson(text, depthMax);
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
};

describe("JSON from outside", () => {
  it("is read as text and as bytes, with a byte order mark and without", () => {
    for (const text of ['{"a":"é"}', '\uFEFF{"a":"é"}']) {
      expect(parseJson(text)).toEqual({ a: "é" });
      expect(parseJson(Buffer.from(text))).toEqual({ a: "é" });
    }
  });

  it.each([
    ["", "there is nothing in it"],
    [" \n", "there is nothing in it"],
    ['[{"id":"a"', "wrong at line 1, column 11"],
    ["[1,", "it ends too early"],
    ["secret", "wrong at line 1, column 1"],
    ['[\n  {"token": "secret"},\n]\n', "wrong at line 3, column 1"],
    ['[\n  {"token": "secret",}\n]', "wrong at line 2, column 22"],
    ['{"token": "secret" "x"}', "wrong at line 1, column 20"],
    ["{'token': 'secret'}", "wrong at line 1, column 2"],
    ['{"token": secret}', "wrong at line 1, column 11"],
    ['{"a": tru, "token": "secret"}', "wrong at line 1, column 10"],
    ['"secret', "wrong at line 1, column 8"],
    ['["secret\n"]', "wrong at line 1, column 9"],
    ["[] secret", "wrong at line 1, column 4"],
  ])("is refused with the place, and not repeated: %j", (text, reason) => {
    expect(refusal(text)).toBe(`is no JSON: ${reason}`);
    expect(refusal(Buffer.from(text))).toBe(`is no JSON: ${reason}`);
  });

  it("is refused when its bytes are no UTF-8: a pattern would mean something else than was written", () => {
    expect(refusal(Uint8Array.of(0x22, 0xe9, 0x22))).toBe("is not in UTF-8");
  });

  it("is refused when it is nested too deeply for what walks it", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(refusal(nested(64))).toBeUndefined();
    expect(refusal(nested(65))).toBe("is nested deeper than 64 levels");
    expect(refusal(`{"a":${nested(2)}}`, 3)).toBeUndefined();
    expect(refusal(`{"a":${nested(3)}}`, 3)).toBe("is nested deeper than 3 levels");
    expect(refusal(nested(300_000))).toBe("is nested deeper than 64 levels");
  });
});
