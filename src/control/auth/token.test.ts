/** Tokens, the lines and the file that let them in, and the file's changes. */

import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkName, digestOf, entryOf, isUnguessable, newToken, readTokenLines, tokenLine } from "./token.ts";
import { TokenFile } from "./token_file.ts";

const line = (name: string, role: "read" | "write" | "admin", token: string) =>
  tokenLine({ name, role, digest: digestOf(token) });

describe("a token", () => {
  it("that is made here cannot be guessed, and no two are the same", () => {
    const tokens = Array.from({ length: 100 }, newToken);
    expect(new Set(tokens).size).toBe(100);
    expect(tokens.every(isUnguessable)).toBe(true);
    expect(tokens[0]).toMatch(/^sgt_[\w-]{43}$/);
    expect(isUnguessable("sgt_secret")).toBe(false);
    expect(isUnguessable("a token that somebody chose, however long it may be in the end")).toBe(false);
  });

  it("is found by its hash, and nothing like it is", () => {
    const token = newToken();
    const entries = readTokenLines("tokens", `${line("a", "read", newToken())}\n${line("b", "write", token)}`);
    expect(entryOf(token, entries)).toMatchObject({ name: "b", role: "write" });
    for (const other of [
      token.slice(0, -1),
      `${token}x`,
      token.toLowerCase(),
      "",
      tokenLine(entries[1]!),
      "x".repeat(10_000),
    ])
      expect(entryOf(other, entries)).toBeUndefined();
  });

  it("has a name that can stand in a line", () => {
    expect(checkName("ci-deploy@host.example_1")).toBe("ci-deploy@host.example_1");
    for (const name of ["", "a b", "-a", "a\nb", "#a", "é", "x".repeat(65)])
      expect(() => checkName(name)).toThrow(/the token's name: is none/);
  });
});

describe("token lines", () => {
  it("may stand beside comments and empty lines", () => {
    const text = `# who\n\n${line("a", "read", "x")} # until March\r\n  ${line("b", "admin", "y")}\n`;
    expect(readTokenLines("tokens", text).map(({ name, role }) => [name, role])).toEqual([
      ["a", "read"],
      ["b", "admin"],
    ]);
  });

  const hash = `sha256:${"0".repeat(64)}`;
  it.each([
    ["a", /tokens line 1: names no role; the role is read, write, admin/],
    [`a owner ${hash}`, /tokens line 1: names no role/],
    [`a read ${"0".repeat(64)}`, /tokens line 1: has no hash of the form sha256:/],
    ["a read sha256:12", /tokens line 1: has no hash/],
    [`a read scrypt:${"0".repeat(64)}`, /tokens line 1: has no hash/],
    [`a read ${hash} more`, /tokens line 1: has no hash/],
    [`a read ${hash}\n\na write ${hash}`, /tokens line 3: has the name of a line before/],
    [`/ read ${hash}`, /tokens line 1: does not begin with a token's name/],
  ])("are refused when one is %j, and it is not repeated", (text, message) => {
    expect(() => readTokenLines("tokens", text)).toThrow(message);
    const secret = newToken();
    expect(() => readTokenLines("tokens", secret)).toThrow(/^(?!.*sgt_)/s);
  });
});

describe("the file of tokens", () => {
  let folder: string;
  let path: string;
  const lines: string[] = [];
  const warn = (text: string) => void lines.push(text);
  let writes = 0;
  const write = (text: string, mode = 0o600) => {
    writeFileSync(path, text);
    chmodSync(path, mode);
    // Two writes within one tick of the file system's clock have one time.
    utimesSync(path, 1_000_000, 1_000_000 + ++writes);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "streamgate-tokens-"));
    path = join(folder, "tokens");
    lines.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("lets in a token from the moment its line is there until it is gone", () => {
    write(line("a", "read", "x"));
    const file = new TokenFile(path, warn);
    expect(file.entries().map(({ name }) => name)).toEqual(["a"]);
    write(`${line("a", "read", "x")}\n${line("b", "write", "y")}`);
    expect(file.entries().map(({ name }) => name)).toEqual(["a", "b"]);
    write(line("b", "write", "y"));
    expect(file.entries().map(({ name }) => name)).toEqual(["b"]);
    write("");
    expect(file.entries()).toEqual([]);
    expect(lines.at(-1)).toContain("0 tokens are let in");
  });

  it("keeps the tokens that it had while the file is damaged, unsafe or gone, and says so once", () => {
    write(line("a", "read", "x"));
    const file = new TokenFile(path, warn);
    for (const harm of [() => write("nonsense"), () => write(line("b", "admin", "y"), 0o666), () => rmSync(path)]) {
      lines.length = 0;
      harm();
      for (let time = 0; time < 3; time++) expect(file.entries().map(({ name }) => name)).toEqual(["a"]);
      expect(lines).toEqual([expect.stringMatching(/^the tokens from before stay in use: /)]);
    }
    write(line("c", "read", "z"));
    expect(file.entries().map(({ name }) => name)).toEqual(["c"]);
  });

  it.each([0o644, 0o660, 0o602, 0o777])("is refused with mode %o", (mode) => {
    write(line("a", "read", "x"), mode);
    expect(() => new TokenFile(path, warn)).toThrow(/others may read or write it \(mode \d{3}\); chmod 600/);
  });

  it.each([0o600, 0o640, 0o440, 0o400])("is taken with mode %o", (mode) => {
    write(line("a", "read", "x"), mode);
    expect(new TokenFile(path, warn).entries()).toHaveLength(1);
  });

  it("is refused at the start when it is not there or lets nobody in", () => {
    expect(() => new TokenFile(path, warn)).toThrow(/tokens: cannot be read: ENOENT/);
    write("# nobody yet\n");
    expect(() => new TokenFile(path, warn)).toThrow(/holds no token, so that nobody could get in; append what/);
  });
});
