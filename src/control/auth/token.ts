/**
 * Tokens of the control API, and the line that a token file holds of one:
 *
 *     ci-deploy write sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae   # a comment
 *
 * A token that this program makes is 256 random bits, so there is no list of likely ones to try, and SHA-256 keeps it as well as a slow
 * hash would. A slow one (scrypt) exists for passwords that people choose; here it would cost each call some 50 ms of the thread that also
 * runs the bus and the health checks, and would hand anyone who sends wrong tokens a way to stop it.
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { StreamGateError } from "../../errors.ts";
import { isRole, type Role, roles } from "./role.ts";

/** Lets secret scanners, and people, tell what it is. */
const prefix = "sgt_";
const tokenBytes = 32;
/** 32 bytes in base64url. */
const madeHere = /^sgt_[A-Za-z0-9_-]{43}$/;
/** Longer ones are refused unread: a header may have 16 KiB. */
const tokenCharactersMax = 512;
/** It stands in logs, versions and the audit file. */
const nameForm = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** What is known of a token without knowing it. */
export interface TokenEntry {
  readonly name: string;
  readonly role: Role;
  /** SHA-256. */
  readonly digest: Buffer;
}

export function newToken(): string {
  return `${prefix}${randomBytes(tokenBytes).toString("base64url")}`;
}

/** Nobody guesses one of these. Of any other text nobody knows how it was chosen. */
export function isUnguessable(token: string): boolean {
  return madeHere.test(token);
}

export function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** The line that lets a token in. */
export function tokenLine({ name, role, digest }: TokenEntry): string {
  return `${name} ${role} sha256:${digest.toString("hex")}`;
}

/**
 * Compares with every entry, and each of them whole, whatever the first ones say: how long it takes tells nothing.
 * @returns the entry of the token, or undefined
 */
export function entryOf(token: string, entries: readonly TokenEntry[]): TokenEntry | undefined {
  if (token.length > tokenCharactersMax) return undefined;
  const digest = digestOf(token);
  let found: TokenEntry | undefined;
  for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) found = entry;
  return found;
}

/** @throws StreamGateError SG_SETTING */
export function checkName(name: string): string {
  if (nameForm.test(name)) return name;
  throw new StreamGateError("SG_SETTING", {
    where: "the token's name",
    what: "is none: 1 to 64 letters, digits and . _ @ - that begin with a letter or digit",
    fix: "give one such as ci-deploy",
  });
}

/**
 * Reads a token file's text. What is wrong is told by its line, and the line is not repeated: somebody may have put a token there.
 * @throws StreamGateError SG_TOKEN_FILE
 */
export function readTokenLines(path: string, text: string): readonly TokenEntry[] {
  const entries: TokenEntry[] = [];
  for (const [index, whole] of text.split(/\r?\n/).entries()) {
    const line = whole.replace(/(^|\s)#.*$/, "").trim();
    if (line === "") continue;
    const refuse = (what: string, fix: string) =>
      new StreamGateError("SG_TOKEN_FILE", { where: `${path} line ${index + 1}`, what, fix });
    const form = "write NAME ROLE sha256:HASH, as `streamgate token new NAME --role ROLE` prints it";
    const [name = "", role = "", hash = "", ...more] = line.split(/\s+/);
    if (!nameForm.test(name)) throw refuse("does not begin with a token's name", form);
    if (!isRole(role)) throw refuse("names no role", `the role is ${roles.join(", ")}; ${form}`);
    const digest = /^sha256:([0-9a-fA-F]{64})$/.exec(hash)?.[1];
    if (digest === undefined || more.length > 0)
      throw refuse("has no hash of the form sha256: and 64 hexadecimal digits", form);
    const same = entries.find((entry) => entry.name === name);
    if (same !== undefined)
      throw refuse(
        "has the name of a line before",
        "give each token its own name: the audit file tells them apart by it",
      );
    entries.push({ name, role, digest: Buffer.from(digest, "hex") });
  }
  return entries;
}
