/**
 * `redact` by detectors and fields on every engine: modes, scopes, encodings, JSON that stays JSON, bounded work; then a differential
 * fuzz of random rules over random lines, and planted values under random chunkings and encodings.
 *
 *     FUZZ_SEED=… FUZZ_CASES=… PLANTED=1000000 npx vitest run test/conformance/redact.test.ts
 */

import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { countCell } from "../../src/data/engine/layout.ts";
import { detectors } from "../../src/detectors/index.ts";
import { Choices, random } from "../fixtures/random.ts";
import { engines, nativeEngine, run, skipNote } from "./engines.ts";
import { redacted, redactPlan, testKey } from "./redacting.ts";

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const cases = Number(process.env.FUZZ_CASES ?? 300);
const planted = Number(process.env.PLANTED ?? 4000);
const head = "<134>Nov 26 10:00:00 host app[12]: ";

describe.each(engines())("redact on $name", (kind) => {
  const one = (params: object, line: string) => redacted(kind, params, [line]).lines[0];
  const hashOf = (value: string) => createHmac("sha256", testKey).update(value).digest("hex").slice(0, 24);

  it("replaces by the replacement, as plain text", () => {
    expect(one({ detector: "us_ssn", replacement: "<\\0>" }, "a 219-09-9999")).toBe("a <\\0>");
    expect(one({ detector: "us_ssn", replacement: '"' }, '{"a":"219-09-9999"}')).toBe('{"a":"\\""}');
  });

  it("masks all but the last characters, never more than half left, the same for the same value", () => {
    const params = { detector: "credit_card", mode: "mask" };
    expect(one(params, "4111 1111 1111 1111")).toBe("***************1111");
    expect(one({ ...params, keep_last: 0 }, "4111111111111111")).toBe("****************");
    expect(one({ ...params, keep_last: 255 }, "4111111111111111")).toBe("********11111111");
    expect(one(params, '{"a":4111111111111111}')).toBe('{"a":"************1111"}');
    expect(one({ detector: "email", mode: "mask" }, "用户@example.com")).toBe("**********.com");
  });

  it("hashes the value, whatever it was written as, with the key alone", () => {
    const params = { detector: "credit_card", mode: "hash", key: { env: "KEY" } };
    const token = `[credit_card:h1:${hashOf("4111111111111111")}]`;
    const written = ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111", "\\u0034111111111111111"];
    for (const text of written) expect(one(params, `{"a":"${text}"}`)).toBe(`{"a":"${token}"}`);
    expect(one({ ...params, key_version: 12 }, "4111111111111111")).toBe(token.replace("h1", "h12"));
    const mail = { detector: "email", mode: "hash", key: { file: "/key" } };
    expect(one(mail, "Ada@Example.com")).toBe(`[email:h1:${hashOf("ada@example.com")}]`);
    const field = { field: "user", mode: "hash", key: { env: "KEY" } };
    expect(one(field, '{"user":"a\\u0062\\"c"}')).toBe(`{"user":"[user:h1:${hashOf('ab"c')}]"}`);
  });

  it("drops the record, and counts it as dropped", () => {
    const { lines, dropped } = redacted(kind, { detector: "email", mode: "drop" }, ["a@example.com", "b", "c@d"]);
    expect([lines, dropped]).toEqual([["b", "c@d"], 1]);
  });

  it("keeps the first of overlapping finds and takes what another has beyond its end", () => {
    const all = { detectors: ["url_credentials", "email"] };
    expect(one(all, "https://u:secret@mail.example.com/x")).toBe("https://u:[email]/x");
    expect(one(all, "https://u:pw@x@mail.example.com/x")).toBe("https://u:[url_credentials]/x");
  });

  it("counts a record once and each value", () => {
    const { changed, replacements } = redacted(kind, { detector: "ipv4" }, ["1.1.1.1 2.2.2.2", "no", "3.3.3.3"]);
    expect([changed, replacements]).toEqual([2, 3]);
  });

  it.each([
    ['{"card":4111111111111111}', '{"card":"[credit_card]"}'],
    ["[4111111111111111,5]", '["[credit_card]",5]'],
    ['{"4111111111111111":1}', '{"[credit_card]":1}'],
    ['{"a":"x\\n4111111111111111\\ny"}', '{"a":"x\\n[credit_card]\\ny"}'],
    [
      '{"a":"{\\"b\\":\\"4111\\\\u00311111\\\\/11111111\\"}"}',
      '{"a":"{\\"b\\":\\"4111\\\\u00311111\\\\/11111111\\"}"}',
    ],
    ['{"a":"{\\"b\\":\\"4111\\\\u003111111111111\\"}"}', '{"a":"{\\"b\\":\\"[credit_card]\\"}"}'],
    ['{"a":"https:\\/\\/x\\/?c=4111%2D1111%2D1111%2D1111&d=1"}', '{"a":"https:\\/\\/x\\/?c=[credit_card]&d=1"}'],
    ["[12:00] 4111111111111111", "[12:00] [credit_card]"],
    ['x {"a":"\\u0034111111111111111"} y', 'x {"a":"[credit_card]"} y'],
    ['{"a":-4111111111111111}', '{"a":"[credit_card]"}'],
  ])("keeps JSON valid and escapes whole: %s", (line, wanted) => {
    expect(one({ detector: "credit_card" }, line)).toBe(wanted);
  });

  it.each([
    ["\u001b[31m4111111111111111\u001b[0m", "\u001b[31m[credit_card]\u001b[0m"],
    ["\u001b[m\u001b[K203.0.113.7", "\u001b[m\u001b[K[ipv4]"],
    ["#033[1;31m536-90-4399#033[0m", "#033[1;31m[us_ssn]#033[0m"],
    ['{"m":"\\u001b[38;5;9m203.0.113.7\\u001b[0m"}', '{"m":"\\u001b[38;5;9m[ipv4]\\u001b[0m"}'],
    ["[m4111111111111111", "[m4111111111111111"],
    ["[31mm4111111111111111", "[31mm4111111111111111"],
    ["[12:00] [x] [31 4", "[12:00] [x] [31 4"],
  ])("finds what a terminal's colours are glued to: %j", (line, wanted) => {
    expect(one({ detector: "all" }, line)).toBe(wanted);
  });

  it("takes no colours for anything when it is to look below no escapes", () => {
    const line = "\u001b[31m4111111111111111";
    expect(one({ detector: "credit_card", decode: [] }, line)).toBe(line);
  });

  it("finds a private key whose lines are the values of a list", () => {
    const key = "MC4CAQAwBQYDK2VwBCIEIICIR8gBKoFJvHWozwwckM4h";
    const line = JSON.stringify({
      a: 1,
      key: ["-----BEGIN PRIVATE KEY-----", key, "-----END PRIVATE KEY-----"],
      b: "x",
    });
    const out = one({ detector: "private_key" }, line)!;
    expect(out).not.toContain(key);
    expect(JSON.parse(out)).toMatchObject({ a: 1, b: "x" });
  });

  it("keeps JSON valid whatever the replacement is", () => {
    const out = one({ detector: "credit_card", replacement: '"\\' }, '{"a":4111111111111111,"b":"4111111111111111"}')!;
    expect(JSON.parse(out)).toEqual({ a: '"\\', b: '"\\' });
  });

  it("takes an escape whole that a find would cut", () => {
    const line = '{"a":"mail\\tada@example.com"}';
    expect(JSON.parse(one({ detector: "email", decode: [] }, line)!)).toEqual({ a: "mail[email]" });
  });

  it("looks below no escapes when told so, and into base64 when told so", () => {
    const escaped = "4111\\u003111111111111";
    expect(one({ detector: "credit_card", decode: [] }, escaped)).toBe(escaped);
    expect(one({ detector: "credit_card", decode: ["url"] }, escaped)).toBe(escaped);
    const base64 = Buffer.from("card 4111111111111111!").toString("base64");
    expect(one({ detector: "credit_card" }, `x=${base64};`)).toBe(`x=${base64};`);
    expect(one({ detector: "credit_card", decode: ["base64"] }, `x=${base64};`)).toBe("x=[credit_card];");
  });

  it("withholds a record with characters below more than four layers of escapes, and passes one with four", () => {
    let text = "4111\\u003111111111111";
    for (let i = 0; i < 3; i++) text = JSON.stringify(text).slice(1, -1);
    expect(redacted(kind, { detector: "credit_card" }, [text])).toMatchObject({
      lines: ["[credit_card]"],
      withheld: 0,
    });
    text = JSON.stringify(text).slice(1, -1);
    expect(redacted(kind, { detector: "credit_card" }, [text])).toMatchObject({ lines: [], withheld: 1 });
    expect(
      redacted(kind, { detector: "credit_card" }, ["C:\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\new"]).withheld,
    ).toBe(0);
  });

  it("withholds what is nested too deeply to find a scope's fields, whether its pattern could match or not", () => {
    const nested = [JSON.stringify({ a: "x" })];
    for (let depth = 1; depth < 8; depth++) nested.push(JSON.stringify({ a: nested.at(-1) }));
    for (const params of [{}, { mode: "drop" }])
      expect(redacted(kind, { pattern: "ACC-\\d{8}", scope: ["zzz"], ...params }, nested)).toMatchObject({
        lines: nested.slice(0, 5),
        withheld: 3,
      });
  });

  it.each([
    [{ field: "password" }, '{"Password":"x","a":1}', '{"Password":"[password]","a":1}'],
    [
      { fields: ["*_token", "pin"] },
      '{"id_token":"x","pin":1234,"pinned":2}',
      '{"id_token":"[token]","pin":"[pin]","pinned":2}',
    ],
    [
      { field: "secret" },
      '{"secret":{"a":["x",1,null,true],"b":{}},"c":"x"}',
      '{"secret":{"a":["[secret]","[secret]",null,"[secret]"],"b":{}},"c":"x"}',
    ],
    [
      { field: "user/mail" },
      '{"user":{"mail":"x","sub":{"mail":"y"}},"mail":"z"}',
      '{"user":{"mail":"[mail]","sub":{"mail":"y"}},"mail":"z"}',
    ],
    [
      { field: "users/name" },
      '{"users":[{"name":"a"},{"name":"b"}]}',
      '{"users":[{"name":"[name]"},{"name":"[name]"}]}',
    ],
    [{ field: "password" }, '{"m":"{\\"password\\":\\"x\\\\\\"y\\"}"}', '{"m":"{\\"password\\":\\"[password]\\"}"}'],
    [{ field: "password" }, '{"pass\\u0077ord":"x"}', '{"pass\\u0077ord":"[password]"}'],
    [
      { field: "password" },
      'INFO {"password":"x"} and {"password":7}',
      'INFO {"password":"[password]"} and {"password":"[password]"}',
    ],
    [{ field: "password" }, '{"password":"cut of', '{"password":"[password]'],
    [{ field: "password", replacement: "-" }, '{"password":"","p":"password"}', '{"password":"","p":"password"}'],
    // Behind other text within a string, and in a line that is no JSON.
    [{ field: "p" }, '{"m":"body: {\\"p\\":\\"x\\"} end"}', '{"m":"body: {\\"p\\":\\"[p]\\"} end"}'],
    [{ field: "p" }, '{"u":"/a?q=%7B%22p%22%3A%22x%22%7D"}', '{"u":"/a?q=%7B%22p%22%3A%22[p]%22%7D"}'],
    [{ field: "p" }, "GET /a?q=%7B%22p%22%3A%22x%22%7D", "GET /a?q=%7B%22p%22%3A%22[p]%22%7D"],
    [{ field: "p" }, '{\\"p\\":\\"x\\"}', '{\\"p\\":\\"[p]\\"}'],
    [{ field: "p" }, 'a \\"p\\": \\"x\\"', 'a \\"p\\": \\"[p]\\"'],
    // Quotes that nobody escaped, before an object, within a string, within the value.
    [{ field: "password" }, 'a 5" disk {"password":"x","a":1}', 'a 5" disk {"password":"[password]","a":1}'],
    [{ field: "password" }, 'said "hi {"a":1,"password":2}', 'said "hi {"a":1,"password":"[password]"}'],
    [{ field: "password" }, '{"a":"b"c","password":"x"}', '{"a":"b"c","password":"[password]"}'],
    [{ field: "password" }, '{"a":"b "c" d","password":["x"]}', '{"a":"b "c" d","password":["[password]"]}'],
    [{ field: "password" }, '{"password":"x"y","a":1}', '{"password":"[password]","a":1}'],
    [{ field: "_p" }, 'x" "_p":"y", {"_p":{"q":1}}', 'x" "_p":"[p]", {"_p":{"q":"[p]"}}'],
    [{ field: "a/b" }, 'msg="{[" {"a":{"b":"x"}}', 'msg="{[" {"a":{"b":"[b]"}}'],
    [{ field: "p" }, 'x"\\"\\"y {"p":"\\"z"}', 'x"\\"\\"y {"p":"[p]"}'],
  ])("replaces the values of fields: %j in %s", (params, line, wanted) => {
    expect(one(params, line)).toBe(wanted);
  });

  it("looks in the fields of its scope only", () => {
    const line = '{"user":{"mail":"a@example.com"},"note":"b@example.com"}';
    expect(one({ detector: "email", scope: ["note"] }, line)).toBe(
      '{"user":{"mail":"a@example.com"},"note":"[email]"}',
    );
    expect(one({ detector: "email", scope: ["user/mail"] }, line)).toBe(
      '{"user":{"mail":"[email]"},"note":"b@example.com"}',
    );
    expect(one({ detector: "email", scope: ["user"] }, line)).toBe(
      '{"user":{"mail":"[email]"},"note":"b@example.com"}',
    );
    expect(one({ detector: "email", scope: ["x"] }, line)).toBe(line);
  });

  it.each([
    [{ mode: "mask", keep_last: 2 }, "ACC-12345678 and ACC-1", "**********78 and ACC-1"],
    [{ mode: "mask", keep_last: 2 }, '{"a":"x ACC-12345678"}', '{"a":"x **********78"}'],
    [{ mode: "replace" }, '{"a":"x ACC-12345678"}', '{"a":"x [REDACTED]"}'],
    [
      { scope: ["a"], replacement: "<\\0>" },
      '{"a":"ACC-12345678","b":"ACC-12345678"}',
      '{"a":"<ACC-12345678>","b":"ACC-12345678"}',
    ],
    [{ scope: ["a"] }, '{"b":"ACC-12345678","a":["ACC-12345678",1]}', '{"b":"ACC-12345678","a":["[REDACTED]",1]}'],
    [{ scope: ["a"] }, 'said {"a":"ACC-12345678"} ACC-12345678', 'said {"a":"[REDACTED]"} ACC-12345678'],
    [
      { scope: ["n/a"] },
      '{"m":"{\\"n\\":{\\"a\\":\\"ACC-12345678\\"}}"}',
      '{"m":"{\\"n\\":{\\"a\\":\\"[REDACTED]\\"}}"}',
    ],
    [{ scope: "record" }, "ACC-12345678", "[REDACTED]"],
  ])("takes what a pattern matches: %j in %s", (params, line, wanted) => {
    expect(one({ pattern: "ACC-\\d{8}", ...params }, line)).toBe(wanted);
  });

  it("hashes what a pattern matches, and drops records by it", () => {
    const hash = { pattern: "u\\d+", mode: "hash", key: { env: "KEY" } };
    expect(one(hash, "by u12 for u12")).toBe(`by [redacted:h1:${hashOf("u12")}] for [redacted:h1:${hashOf("u12")}]`);
    const drop = { pattern: "^x", mode: "drop", scope: ["a"] };
    const { lines, dropped } = redacted(kind, drop, ['{"a":"xy"}', '{"b":"xy"}', "x", '{"a":"yx"}']);
    expect([lines, dropped]).toEqual([['{"b":"xy"}', "x", '{"a":"yx"}'], 1]);
  });

  it("shows a pattern each value of its scope as if that were all", () => {
    const params = { pattern: "^(.)(.*)$", replacement: "\\1***", scope: ["user", "n"] };
    expect(one(params, '{"user":"ada","n":[12,"bob"],"x":"eve"}')).toBe(
      '{"user":"a***","n":["1***","b***"],"x":"eve"}',
    );
    expect(one({ pattern: "\\bx", scope: ["a"] }, '{"a":"xx x"}')).toBe('{"a":"[REDACTED]x [REDACTED]"}');
  });

  it.each([
    [{ mode: "mask" }, '"a":"?.', '{"b":1,"a":"xyz","c":2}'],
    [{ mode: "mask", keep_last: 0 }, "\\d\\d", '{"a":12345,"b":[-1.25e3,"1234"]}'],
    [{ mode: "hash", key: { env: "KEY" } }, ".+", '{"a":{"b":"x\\n\\u0041"},"c":[true]}'],
    [{ mode: "mask", keep_last: 3 }, "n|u00|b", '{"a":"x\\ny\\u0022\\\\b"}'],
    [{ scope: ["a"], replacement: '"\\1\\\\' }, "(.)y", '{"a":"x\\ny","b":2}'],
    [{ scope: ["a"], replacement: '"' }, "\\d", '{"a":[1,"2"]}'],
    [{ scope: ["a"], replacement: "\\1" }, "(.)(?:n|u)", '{"a":"\\n\\u0041"}'],
  ])("leaves JSON valid where a pattern matches whatever it likes: %j of %s in %s", (params, pattern, line) => {
    const out = one({ pattern, ...params }, line)!;
    expect(out).not.toBe(line);
    expect(() => JSON.parse(out), out).not.toThrow();
  });

  it.each([
    // A number or a word of which a part matches goes whole, once however often it matches.
    [{ scope: ["a"], replacement: "#" }, "\\d\\d", '{"a":12345,"b":12345}', '{"a":"#","b":12345}'],
    [{ scope: ["a"], replacement: "<\\0>" }, "3", '{"a":[12345,true,"1234"]}', '{"a":["<3>",true,"12<3>4"]}'],
    [{ scope: ["a"], mode: "mask", keep_last: 2 }, "\\d\\d", '{"a":12345}', '{"a":"***45"}'],
    [{ scope: ["a"] }, "ru", '{"a":true}', '{"a":"[REDACTED]"}'],
    // Escapes go whole, and what stands for a match is a string's content.
    [{ scope: ["a"], replacement: "#" }, 'n|u00|"', '{"a":"x\\ny\\u0041\\"z"}', '{"a":"x#y##z"}'],
    [{ scope: ["a"], replacement: '"' }, "b", '{"a":"abc"}', '{"a":"a\\"c"}'],
  ])("does in JSON behind a syslog head what it does in JSON: %j of %s in %s", (params, pattern, line, wanted) => {
    expect(one({ pattern, ...params }, line)).toBe(wanted);
    expect(one({ pattern, ...params }, `${head}${line}`)).toBe(`${head}${wanted}`);
  });

  it(`does so for ${cases} random rules with a scope, and leaves JSON valid (FUZZ_CASES, seed ${seed})`, () => {
    let changed = 0;
    for (let i = 0; i < cases; i++) {
      const make = new Maker(seed + i);
      const params = make.scopedParams();
      const lines = Array.from({ length: 12 }, () => make.line()).filter(isJson);
      const plan = redactPlan(params);
      const joined = (before: string) =>
        Buffer.concat(lines.flatMap((line) => [Buffer.from(before), line, Buffer.from("\n")]));
      const [alone, behind] = [run(kind, plan, joined("")).records, run(kind, plan, joined(head)).records];
      // Some are withheld.
      if (alone.length !== lines.length || behind.length !== lines.length) continue;
      for (const [index, line] of lines.entries()) {
        // Without such a field a line that is no JSON is read below its escapes, too.
        if (alone[index]!.equals(line)) continue;
        const where = `FUZZ_SEED=${seed + i} FUZZ_CASES=1; ${JSON.stringify(params)}: ${line} became ${behind[index]}`;
        expect(behind[index]!.toString(), where).toBe(`${head}${alone[index]}`);
        expect(isJson(alone[index]!), where).toBe(true);
        changed++;
      }
    }
    if (cases >= 600) expect(changed).toBeGreaterThan(100);
  }, 600_000);

  it("shows a pattern the record's bytes, and nothing below escapes", () => {
    const line = '{"a":"ACC\\u002d12345678","b":"ACC%2D12345678"}';
    expect(one({ pattern: "ACC-\\d{8}", mode: "mask" }, line)).toBe(line);
    expect(one({ pattern: "u002d", mode: "mask", keep_last: 0 }, line)).toBe(
      '{"a":"ACC*12345678","b":"ACC%2D12345678"}',
    );
  });

  it("takes no match of no bytes", () => {
    const { lines, changed } = redacted(kind, { pattern: "x*", mode: "mask", keep_last: 0 }, ["axxé", "éb"]);
    expect([lines, changed]).toEqual([["a**é", "éb"], 1]);
  });

  it.each([{ mode: "mask" }, { mode: "hash", key: { env: "KEY" } }, { scope: ["a"], replacement: "x" }])(
    "bounds a pattern's matches where they have no upper length: %j",
    (params) => {
      // 32,768 matches in as many bytes are just allowed; 32,769 bytes allow 32,767. Empty ones count, too.
      const line = (bytes: number) => ("scope" in params ? `{"a":"${"A".repeat(bytes - 8)}"}` : "A".repeat(bytes));
      for (const [pattern, bytes, withheld] of [
        ["A+?", 32_768, 0],
        ["A+?", 40_000, 1],
        ["A", 40_000, 0],
        ["(?:B.*)?", 40_000, 1],
      ] as const) {
        const { counts } = redacted(kind, { pattern, ...params }, [line(bytes), "x"], { batchBytes: 1 << 22 });
        const over = counts[countCell.quarantinedMatchLimitRecords];
        // A megabyte of tokens is too much, whatever the matches are.
        const large = counts[countCell.quarantinedOutputLimitRecords];
        expect([over, large], pattern).toEqual([withheld, withheld === 0 && "key" in params ? 1 : 0]);
      }
    },
  );

  it("withholds a record that a rewrite of a value would make too large", () => {
    const params = { pattern: "(a+)", replacement: "\\1".repeat(9), scope: ["a"] };
    const line = (n: number) => `{"a":"${"a".repeat(n)}"}`;
    // 9 n and 8 bytes beside it become of n and 8; up to four times that and 64 KiB are allowed.
    expect(redacted(kind, params, [line(13_112)], { batchBytes: 1 << 18 })).toMatchObject({ changed: 1, withheld: 0 });
    const { counts } = redacted(kind, params, [line(13_113)], { batchBytes: 1 << 18 });
    expect(counts[countCell.quarantinedOutputLimitRecords]).toBe(1);
  });

  // Both are linear here. The portable engine takes a minute for the longest record that is accepted, and is given a sixteenth of it.
  const slowBytes = kind.name === "portable" ? 1 << 16 : 1 << 20;
  it(`redacts by all detectors ${slowBytes} bytes of whatever makes searches slow, without a limit being met`, () => {
    const filled = (piece: string) => piece.repeat(Math.floor(slowBytes / piece.length));
    const pieces = [
      "1",
      "1 ",
      "4111 ",
      "a@",
      "a.",
      "@a.",
      ":",
      "::",
      "1:",
      "1.",
      "eyJ",
      "eyJ.",
      "-eyJ",
      "://",
      "a://b:",
      "+1",
      "(212) ",
      "gh",
      "ghp_",
      "-----BEGIN PRIVATE KEY-----",
      "Bearer ",
      "GB82",
      "GB82 ",
      "219-",
      "%",
      "\\",
      "\\n",
      '{"a":',
      "[",
      '"',
      "AKIA",
    ];
    const lines = pieces.map(filled);
    const { withheld, lines: out } = redacted(kind, { detectors: ["all", "pii", "secrets"] }, lines, {
      batchBytes: 1 << 22,
    });
    expect(withheld + out.length).toBe(lines.length);
    // Only backslashes that could hide something are too much.
    expect(withheld).toBe(0);
    const fields = redacted(kind, { fields: ["password", "a/b/c", "*x*y*z*"] }, lines, { batchBytes: 1 << 22 });
    expect(fields.withheld + fields.lines.length).toBe(lines.length);
  });

  describe.each(["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"])("a card written %s", (card) => {
    const plan = redactPlan({ detector: "credit_card" });
    const pieceMax = card.length / 2;
    const leaks = (line: string) => {
      for (let i = 0; i + pieceMax < card.length; i++) if (line.includes(card.slice(i, i + pieceMax + 1))) return true;
      return false;
    };
    const offsets = Array.from({ length: 41 }, (_, i) => i - 20);
    const around = (end: number, offset: number) => `${" ".repeat(end + offset - card.length / 2)}${card} x`;

    it.each([1 << 12, 1 << 16])("is found at every place around the end of a chunk of %i bytes", (chunk) => {
      for (const offset of offsets) {
        const { records } = run(kind, plan, Buffer.from(`${around(chunk, offset)}\n`), {
          chunks: [chunk],
          batchBytes: 1 << 18,
        });
        expect(records.map(String), `offset ${offset}`).toEqual([
          `${around(chunk, offset).replace(card, "[credit_card]")}`,
        ]);
      }
    });

    it.each([
      ["a line", "newline", 1 << 10],
      ["a line", "newline", 1 << 20],
      ["a datagram", "datagram", 1 << 10],
      ["a datagram", "datagram", 65_507],
    ] as const)(
      "leaves no piece longer than half of it where %s (%s) is cut at %i bytes",
      (_, framing, maxRecordBytes) => {
        for (const offset of offsets) {
          const line = `${around(maxRecordBytes, offset)}${framing === "newline" ? "\n" : ""}`;
          const { records } = run(kind, plan, Buffer.from(line), {
            framing: { kind: framing },
            maxRecordBytes,
            batchBytes: 1 << 22,
          });
          expect(records.map(String).some(leaks), `offset ${offset}`).toBe(false);
        }
      },
    );
  });

  it(`leaks none of ${planted} planted values, however they are cut and encoded (PLANTED, seed ${seed})`, () => {
    const next = random(seed);
    const below = (limit: number) => Math.floor(next() * limit);
    const pick = <T>(list: readonly T[]) => list[below(list.length)]!;
    const plan = redactPlan({ detectors: ["all", "pii", "secrets"], decode: ["json", "url", "base64"] });
    const values = [...detectors.values()].flatMap(({ positives }) =>
      positives.flatMap(({ text, values }) => (values.length === 1 ? [{ text, value: values[0]! }] : [])),
    );
    const json = (text: string) => JSON.stringify(text).slice(1, -1);
    const encodings: readonly ((text: string) => string)[] = [
      (text) => text,
      (text) => JSON.stringify({ a: 1, message: text }),
      (text) => JSON.stringify({ m: JSON.stringify({ n: text }) }),
      (text) =>
        `{"u":"${Array.from(json(text), (c, i) => (i % 3 === 1 && /[A-Za-z0-9@]/.test(c) && !/\\.?$/.test(json(text).slice(Math.max(0, i - 1), i)) ? `\\u00${c.charCodeAt(0).toString(16)}` : c)).join("")}"}`,
      (text) => `q=${encodeURIComponent(text)}&z=1`,
      (text) => JSON.stringify({ url: `https://example.com/?q=${encodeURIComponent(text)}` }).replaceAll("/", "\\/"),
      (text) => `b64=${Buffer.from(`message: ${text}`).toString("base64")};`,
    ];
    for (let done = 0; done < planted; ) {
      const batch = Array.from({ length: Math.min(500, planted - done) }, () => {
        const { text, value } = pick(values);
        return { value, line: pick(encodings)(text) };
      });
      const input = Buffer.from(batch.map(({ line }) => `${line}\n`).join(""));
      const chunks = Array.from({ length: 200 }, () => 1 + below(300));
      const { records, counts } = run(kind, plan, input, { chunks });
      expect(records.length, `withheld; seed ${seed}`).toBe(batch.length);
      batch.forEach(({ value, line }, index) => {
        const out = records[index]!.toString();
        if (out.includes(value) || out === line) expect.fail(`seed ${seed}: ${line} became ${out}`);
      });
      expect(counts.length).toBeGreaterThan(0);
      done += batch.length;
    }
  }, 600_000);
});

describe.skipIf(nativeEngine() === undefined)(`both engines${skipNote}`, () => {
  const [native, portable] = engines();

  it(`write the same bytes and counts for ${cases} random rules over random lines (FUZZ_CASES, seed ${seed})`, () => {
    for (let i = 0; i < cases; i++) {
      const make = new Maker(seed + i);
      const params = make.params();
      const lines = Array.from({ length: 12 }, () => make.line());
      const plan = redactPlan(params);
      const input = Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")]));
      const [a, b] = [native!, portable!].map((kind) => run(kind, plan, input));
      const where = `seed ${seed + i}: FUZZ_SEED=${seed + i} FUZZ_CASES=1; ${JSON.stringify(params)}`;
      expect(b!.records.map(String), where).toEqual(a!.records.map(String));
      expect(
        b!.records.every((record, index) => record.equals(a!.records[index]!)),
        where,
      ).toBe(true);
      expect([...b!.counts], where).toEqual([...a!.counts]);
      if (a!.records.length !== lines.length || plan.operations[0]!.name === "replacePattern") continue;
      for (const [index, line] of lines.entries())
        if (isJson(line))
          expect(isJson(a!.records[index]!), `${where}: ${line} became ${a!.records[index]}`).toBe(true);
    }
  }, 600_000);
});

/** A JSON object or list. */
function isJson(line: Buffer): boolean {
  try {
    return typeof JSON.parse(line.toString()) === "object" && /^\s*[{[]/.test(line.toString());
  } catch {
    return false;
  }
}

/** Random rules, and lines of what detectors and escapes look at, glued together. */
class Maker extends Choices {
  readonly #names = [...detectors.keys()];
  readonly #examples = [...detectors.values()].flatMap(({ positives, lookAlikes }) => [
    ...positives.map(({ text }) => text),
    ...lookAlikes,
  ]);

  params(): object {
    const decode = this.one([undefined, [], ["json"], ["url"], ["base64"], ["json", "url", "base64"]]);
    const mode: { readonly replacement?: string } = this.one([
      {},
      {},
      { mode: "mask", keep_last: this.below(9) },
      { mode: "hash", key: { env: "K" } },
      { mode: "drop" },
      { replacement: this.one(["", "x", '"\\', "é"]) },
    ]);
    const names = ["password", "*_token", "a", "b*", "a/b", "*/c", "A/*/c", "m"];
    if (this.below(4) === 0) {
      const scope = this.below(2) === 0 && { scope: this.one(["record", [this.one(names), this.one(names)]]) };
      const replacing = { replacement: this.one(rewrites) };
      return { pattern: this.one(patterns), ...(mode.replacement === undefined ? mode : replacing), ...scope };
    }
    const what =
      this.below(3) === 0
        ? { fields: Array.from({ length: 1 + this.below(3) }, () => this.one(names)) }
        : {
            detectors: this.one([["all"], [this.one(this.#names)], [this.one(this.#names), this.one(this.#names)]]),
            ...(this.below(4) === 0 && { scope: [this.one(names), this.one(names)] }),
          };
    return { ...what, ...mode, ...(decode !== undefined && { decode }) };
  }

  /** A rule that looks in fields of what records have. */
  scopedParams(): object {
    const mode = this.one([{}, { mode: "mask", keep_last: this.below(9) }, { mode: "hash", key: { env: "K" } }]);
    const replacing = Object.keys(mode).length === 0 && { replacement: this.one(rewrites) };
    const scope = [this.one(["a", "b*", "c", "m", "*", "a/b", "*/c"]), this.one(["password", "*_token", "m"])];
    return { pattern: this.one([...patterns, "(\\d)\\d", "(0|t)", '([nu"])']), ...mode, ...replacing, scope };
  }

  piece(): string {
    const text = this.one(this.#examples);
    switch (this.below(6)) {
      case 0: {
        const at = this.below(text.length);
        return text.slice(at, at + 1 + this.below(12));
      }
      case 1:
        return this.one(fragments);
      case 2:
        return text.slice(this.below(4));
      default:
        return text;
    }
  }

  value(depth: number): unknown {
    switch (this.below(depth > 0 ? 8 : 5)) {
      case 0:
        return this.one([4111111111111111, 1, -0.5, true, null, 2125550187]);
      case 5:
        return Object.fromEntries(Array.from({ length: this.below(4) }, () => [this.one(keys), this.value(depth - 1)]));
      case 6:
        return Array.from({ length: this.below(3) }, () => this.value(depth - 1));
      case 7:
        // Sometimes behind other text, and then not always a string's end.
        return `${this.below(3) === 0 ? this.piece() : ""}${JSON.stringify(this.value(depth - 1))}`;
      default:
        return this.text();
    }
  }

  text(): string {
    return Array.from({ length: 1 + this.below(4) }, () => this.piece()).join(this.one(["", " ", ",", "-"]));
  }

  line(): Buffer {
    let text =
      this.below(2) === 0 ? this.text() : JSON.stringify({ [this.one(keys)]: this.value(4), m: this.value(2) });
    if (this.below(6) === 0) text = encodeURIComponent(text.toWellFormed());
    if (this.below(8) === 0) text = `x ${Buffer.from(text).toString("base64")} y`;
    if (this.below(8) === 0) text = text.slice(0, this.below(text.length + 1));
    if (this.below(6) === 0)
      text = text.replaceAll(/[0-9@:]/g, (c) => (this.below(3) === 0 ? `\\u00${c.charCodeAt(0).toString(16)}` : c));
    const bytes = Buffer.from(text.replaceAll(/[\r\n]/g, " "));
    if (this.below(5) === 0 && bytes.length > 0) {
      const at = this.below(bytes.length);
      bytes[at] = this.one([0x00, 0x22, 0x25, 0x30, 0x5c, 0x2e, 0x2d, 0x3a, 0x7b, 0xc3, 0xff]);
    }
    return bytes;
  }
}

const keys = ["password", "id_token", "a", "b", "c", "b2", "PASSWORD", 'q"', "4111111111111111"];
const patterns = [
  "(\\d)+",
  "(\\w)\\w*",
  "()x*",
  '(.)"?(:?)',
  "(?i)(a|é)|\\\\(.)",
  "^(.)?.*$",
  "(\\S*)@(\\S*)",
  '[^"{}]{2}()',
  "\\B()",
  "(日)?本|n",
  "((?s).*)",
];
const rewrites = ["", "x", "\\0", "\\1\\\\", '"\\1"', "é\\0\\0", "\\\\n\\1"];
const fragments = [
  "\\",
  "\\u0034",
  "\\ud83d\\ude00",
  "\\ud800",
  "%34",
  "%2",
  "%",
  '"',
  "{",
  "}",
  '":',
  "[",
  "]",
  "é",
  "日本",
  "-----BEGIN ",
  "://",
  "@",
  "::",
  "\\n",
  "\\/",
  "0",
  "x",
  " ",
  "\t",
];
