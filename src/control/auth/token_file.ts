/**
 * The file of tokens, read again when it changes: a line that is taken out admits nobody from the next call on.
 *
 * A file that others may write is refused, since whoever writes it decides who gets in; one that everybody may read too, since of a token
 * that somebody chose, and did not let this program make, its hash can be tried. Mode 0600 or 0640 (in Kubernetes `defaultMode: 0440`).
 */

import { type BigIntStats, closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { StreamGateError } from "../../errors.ts";
import { readTokenLines, type TokenEntry } from "./token.ts";

const forbiddenMode = 0o027;
/** Some 10,000 tokens. */
const fileBytesMax = 1024 * 1024;

export class TokenFile {
  readonly #path: string;
  readonly #warn: (message: string) => void;
  #stamp = "";
  #entries: readonly TokenEntry[];
  /** Said once for each cause. */
  #refused = "";

  /** @throws StreamGateError SG_TOKEN_FILE when it cannot be used, or holds no token */
  constructor(path: string, warn: (message: string) => void) {
    this.#path = path;
    this.#warn = warn;
    this.#stamp = this.#stampNow();
    this.#entries = read(path);
    if (this.#entries.length === 0)
      throw refused(
        path,
        "holds no token, so that nobody could get in",
        "append what `streamgate token new NAME --role admin` prints",
      );
  }

  /**
   * The tokens as the file has them now. While it cannot be read, or says something else, those that it had: an editor that saves is no
   * reason to lock everybody out.
   */
  entries(): readonly TokenEntry[] {
    const stamp = this.#stampNow();
    if (stamp === this.#stamp) return this.#entries;
    try {
      this.#entries = read(this.#path);
      this.#stamp = stamp;
      this.#refused = "";
      this.#warn(
        `${this.#path} has changed: ${this.#entries.length === 1 ? "1 token is" : `${this.#entries.length} tokens are`} let in`,
      );
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#refused) this.#warn(`the tokens from before stay in use: ${message}`);
      this.#refused = message;
    }
    return this.#entries;
  }

  #stampNow(): string {
    let found: BigIntStats;
    try {
      found = statSync(this.#path, { bigint: true });
    } catch (error) {
      return (error as Error).message;
    }
    return `${found.dev}.${found.ino}.${found.size}.${found.mtimeNs}.${found.ctimeNs}`;
  }
}

function read(path: string): readonly TokenEntry[] {
  let text: string;
  try {
    const file = openSync(path, "r");
    try {
      const { mode, size } = fstatSync(file);
      // Windows has no such bits.
      if (process.platform !== "win32" && (mode & forbiddenMode) !== 0)
        throw refused(
          path,
          `others may read or write it (mode ${(mode & 0o777).toString(8).padStart(3, "0")})`,
          `chmod 600 ${path}, or 640 for a group that may read it`,
        );
      if (size > fileBytesMax)
        throw refused(path, `is larger than ${fileBytesMax} bytes`, "name a file of token lines");
      text = readFileSync(file, "utf8");
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof StreamGateError) throw error;
    throw refused(path, `cannot be read: ${(error as Error).message}`, "name a file that this process may read");
  }
  return readTokenLines(path, text);
}

function refused(where: string, what: string, fix: string): StreamGateError {
  return new StreamGateError("SG_TOKEN_FILE", { where, what, fix });
}
