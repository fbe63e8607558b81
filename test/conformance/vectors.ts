/**
 * Conformance vectors: a plan, an input, and what must come out of every engine. A new operation brings its vectors here.
 *
 * Records are joined by LF; the input is framed as lines.
 */

import { type AttributeOperator, attributeOperator } from "../../src/plan/operations.ts";
import type { Step } from "./engines.ts";

export interface RuleCounts {
  readonly droppedRecords?: number;
  readonly droppedBytes?: number;
  readonly changedRecords?: number;
  readonly replacements?: number;
  readonly quarantinedRecords?: number;
  readonly quarantinedBytes?: number;
}

export interface Vector {
  readonly steps: readonly Step[];
  readonly input: readonly (string | Buffer)[];
  readonly output: readonly (string | Buffer)[];
  /** By rule, in order; absent cells are 0. */
  readonly rules?: readonly RuleCounts[];
}

const dropLiteral = (literal: string): Step => ({ name: "dropLiteral", args: [literal] });
const dropPattern = (pattern: string): Step => ({ name: "dropPattern", args: [pattern] });
const replace = (pattern: string, rewrite: string): Step => ({ name: "replacePattern", args: [pattern, rewrite] });

function path(...keys: string[]): Buffer {
  return Buffer.concat(
    keys.flatMap((key) => {
      const bytes = Buffer.from(key);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

const dropAttribute = (operator: AttributeOperator, value: string, ...paths: Buffer[]): Step => ({
  name: "dropAttribute",
  args: [Buffer.of(attributeOperator[operator]), value, ...paths],
});

export const vectors: Record<string, Vector> = {
  "no rules pass everything": { steps: [], input: ["a", "\0", Buffer.of(0xff)], output: ["a", "\0", Buffer.of(0xff)] },

  "a literal drops what contains it, case-sensitive": {
    steps: [dropLiteral("DEBUG")],
    input: ["DEBUG x", "debug x", "x DEBU", "GDEBUG", "DEBUG"],
    output: ["debug x", "x DEBU"],
    rules: [{ droppedRecords: 3, droppedBytes: 18 }],
  },
  "a literal does not straddle records": { steps: [dropLiteral("ab")], input: ["xa", "bx"], output: ["xa", "bx"] },
  "a literal may be bytes beyond ASCII": {
    steps: [dropLiteral("é")],
    input: ["cafe", "café", "Ã©"],
    output: ["cafe", "Ã©"],
    rules: [{ droppedRecords: 1, droppedBytes: 5 }],
  },
  "the first rule that drops is counted alone": {
    steps: [dropLiteral("a"), dropLiteral("b")],
    input: ["ab", "b", "c"],
    output: ["c"],
    rules: [
      { droppedRecords: 1, droppedBytes: 2 },
      { droppedRecords: 1, droppedBytes: 1 },
    ],
  },
  "a pattern drops where it is found": {
    steps: [dropPattern("^GET /health( |$)")],
    input: ["GET /health HTTP/1.1", "GET /health", "GET /healthz", " GET /health"],
    output: ["GET /healthz", " GET /health"],
    rules: [{ droppedRecords: 2, droppedBytes: 31 }],
  },
  "$ is the record's end, not a CR within": {
    steps: [dropPattern("a$")],
    input: ["a\rb", "a", "b"],
    output: ["a\rb", "b"],
    rules: [{ droppedRecords: 1, droppedBytes: 1 }],
  },

  "every match is replaced": {
    steps: [replace("\\d{3}-\\d{2}-\\d{4}", "XXX-XX-XXXX")],
    input: ["SSN: 123-45-6789 and 987-65-4321", "none"],
    output: ["SSN: XXX-XX-XXXX and XXX-XX-XXXX", "none"],
    rules: [{ changedRecords: 1, replacements: 2 }],
  },
  "a rewrite names groups, $1 is plain text": {
    steps: [replace("(\\w+)@(\\w+)(!)?", "<\\2|\\1|\\0|\\3|\\\\|$1>")],
    input: ["joe@site x"],
    output: ["<site|joe|joe@site||\\|$1> x"],
    rules: [{ changedRecords: 1, replacements: 1 }],
  },
  "empty matches are replaced, not directly behind a match": {
    steps: [replace("a*", "-")],
    input: ["baac", "é", "aa"],
    output: ["-b-c-", "-é-", "-"],
    rules: [{ changedRecords: 3, replacements: 6 }],
  },
  "an empty match may lie inside a character": {
    steps: [replace("\\B", "|")],
    input: ["aé", "ab"],
    output: [Buffer.from("61c37ca97c", "hex"), "a|b"],
    rules: [{ changedRecords: 2, replacements: 3 }],
  },
  "leftmost-first: the first alternative wins": {
    steps: [replace("ab|abc", "X")],
    input: ["abc"],
    output: ["Xc"],
    rules: [{ changedRecords: 1, replacements: 1 }],
  },
  "a match sees what stands before it": {
    steps: [replace("\\ba", "X")],
    input: ["aa a"],
    output: ["Xa X"],
    rules: [{ changedRecords: 1, replacements: 2 }],
  },
  "later rules see what earlier ones wrote": {
    steps: [replace("a", "b"), replace("b", "c"), dropPattern("^cc$")],
    input: ["ab", "a", "x"],
    output: ["c", "x"],
    rules: [
      { changedRecords: 2, replacements: 2 },
      { changedRecords: 2, replacements: 3 },
      { droppedRecords: 1, droppedBytes: 2 },
    ],
  },
  "a record may become empty": {
    steps: [replace(".+", "")],
    input: ["abc"],
    output: [""],
    rules: [{ changedRecords: 1, replacements: 1 }],
  },
  "case folds over ASCII and beyond": {
    steps: [replace("(?i)straße|k", "*")],
    input: ["STRAßE Straße \u212a k"],
    output: ["* * * *"],
    rules: [{ changedRecords: 1, replacements: 4 }],
  },
  "group names, also beyond ASCII": {
    steps: [replace("(?P<größe>\\d+)(?<名前>x)", "\\2\\1")],
    input: ["12x"],
    output: ["x12"],
    rules: [{ changedRecords: 1, replacements: 1 }],
  },
  "Unicode groups are those of Unicode 15.0": {
    steps: [replace("\\p{Lu}", "U"), replace("[^\\PL]", "l")],
    input: ["Éé", "\u1c89", "\u{1f1e6}"],
    output: ["ll", "\u1c89", "\u{1f1e6}"],
    rules: [
      { changedRecords: 1, replacements: 1 },
      { changedRecords: 1, replacements: 2 },
    ],
  },
  "broken UTF-8 matches nothing and stays": {
    steps: [replace(".", "x"), replace("[^a]", "y")],
    input: [Buffer.from("61ff62c3", "hex"), Buffer.from("e28261", "hex")],
    output: [Buffer.from("79ff79c3", "hex"), Buffer.from("e28279", "hex")],
    rules: [
      { changedRecords: 2, replacements: 3 },
      { changedRecords: 2, replacements: 3 },
    ],
  },

  "an attribute drops by equality": {
    steps: [dropAttribute("equals", "test", path("service.name"), path("service", "name"))],
    input: [
      '{"service.name":"test"}',
      '{"service":{"name":"test"}}',
      '{"service.name":"prod","service":{"name":"test"}}',
      '{"service.name":"te\\u0073t"}',
      '{"service.name":["test"]}',
      "service.name=test",
      '{"service.name":"test"} x',
    ],
    output: [
      '{"service.name":"prod","service":{"name":"test"}}',
      '{"service.name":["test"]}',
      "service.name=test",
      '{"service.name":"test"} x',
    ],
    rules: [{ droppedRecords: 3, droppedBytes: 78 }],
  },
  "an attribute drops by what it contains, and by pattern": {
    steps: [dropAttribute("contains", "1.0", path("v")), dropAttribute("regex", "^(true|b+)$", path("v"))],
    input: ['{"v":1.0}', '{"v":1}', '{"v":true}', '{"v":"abb"}', '{"v":"bb"}', '{"v":1,"v":"x1.0"}'],
    output: ['{"v":1}', '{"v":"abb"}'],
    rules: [
      { droppedRecords: 2, droppedBytes: 27 },
      { droppedRecords: 2, droppedBytes: 20 },
    ],
  },
};
