/** Which words a keyword pattern matches. */

import { describe, expect, it } from "vitest";
import { keywordPattern } from "./keyword_pattern.ts";

describe("keywordPattern", () => {
  const matches = (words: readonly string[], text: string) => new RegExp(keywordPattern(words)).test(text);

  it.each([
    [[" tfn "], "TFN: 1", true],
    [[" tfn "], "userTfnNumber", true],
    [[" tfn "], "tfns", false],
    [["tax file"], "TAX_FILE", true],
    [["tax file"], "tax-file", true],
    [["tax file"], "taxfile", false],
    [["idnr", "steuer"], "Steuernummer", true],
    [["skin"], "\u017fkin", false],
  ])("%j in %j: %s", (words, text, expected) => {
    expect(matches(words, text)).toBe(expected);
  });
});
