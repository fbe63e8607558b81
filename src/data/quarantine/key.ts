/**
 * The key file of the quarantine, `quarantine.key` in the data directory: one line a key, each 32 random bytes in base64. The last one encrypts,
 * all of them decrypt, so a key is rotated by appending a line and starting again, and a line may go when nothing is left that it sealed.
 *
 * Made on the first start, for its owner alone (0600): written under another name, flushed, and linked to its own, which fails where there is
 * one already (as O_EXCL does) and leaves no half key behind. A file that others may read is refused: its records are as good as plain then.
 */

import { createHmac, randomBytes } from "node:crypto";
import { link, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { StreamGateError } from "../../errors.ts";
import { syncDirectory } from "../../persistence/durable_file.ts";

export const keyFileName = "quarantine.key";
const keyBytes = 32;

export interface QuarantineKey {
  /** Names it in a segment's header, and tells nothing about it. */
  readonly id: bigint;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

export interface QuarantineKeys {
  /** Encrypts. */
  readonly current: QuarantineKey;
  readonly all: readonly QuarantineKey[];
}

/**
 * Reads the key file, or makes it where there is none.
 * @param root the directory that holds `quarantine/`, locked by this process
 * @throws StreamGateError SG_QUARANTINE_KEY when others may read it, or it holds something else
 */
export async function openKeys(root: string): Promise<QuarantineKeys> {
  return (await readKeys(root)) ?? (await makeKey(root));
}

/** @returns undefined where there is no key file. @throws StreamGateError SG_QUARANTINE_KEY */
export async function readKeys(root: string): Promise<QuarantineKeys | undefined> {
  const path = join(root, keyFileName);
  let text: string;
  try {
    const file = await open(path, "r");
    try {
      const { mode } = await file.stat();
      // Windows has no such bits.
      if (process.platform !== "win32" && (mode & 0o077) !== 0)
        throw refused(
          path,
          `others than its owner may use it (mode ${(mode & 0o777).toString(8).padStart(3, "0")})`,
          `chmod 600 ${path}; if somebody may have read it, append a new key (openssl rand -base64 32) and purge what the old one sealed`,
        );
      text = await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof StreamGateError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw refused(path, `cannot be read: ${(error as Error).message}`, "give this process the right to read it");
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const all = lines.map((line, index) => keyOf(path, line.trim(), index + 1));
  const current = all.at(-1);
  if (current === undefined)
    throw refused(
      path,
      "holds no key",
      "bring it back from a backup; or remove it, and what was quarantined is unreadable",
    );
  return { current, all };
}

async function makeKey(root: string): Promise<QuarantineKeys> {
  const path = join(root, keyFileName);
  const temporary = join(root, `.${keyFileName}.${process.pid}.tmp`);
  const bytes = randomBytes(keyBytes);
  try {
    await rm(temporary, { force: true });
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${bytes.toString("base64")}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
    await rm(temporary, { force: true });
    await syncDirectory(root);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw refused(
      path,
      `cannot be made: ${(error as Error).message}`,
      "give this process a data directory that it may write to",
    );
  }
  const key = { id: idOf(bytes), bytes };
  return { current: key, all: [key] };
}

/** The line is not repeated in an error: it is, or resembles, a secret. */
function keyOf(path: string, line: string, number: number): QuarantineKey {
  const bytes = Buffer.from(line, "base64");
  if (bytes.length !== keyBytes || bytes.toString("base64") !== line)
    throw refused(
      path,
      `line ${number} is no key: 32 bytes in base64, 44 characters`,
      "bring the file back from a backup, or give it the output of `openssl rand -base64 32`",
    );
  return { id: idOf(bytes), bytes };
}

function idOf(bytes: Uint8Array): bigint {
  return createHmac("sha256", bytes).update("streamgate quarantine key id").digest().readBigUInt64LE(0);
}

function refused(where: string, what: string, fix: string): StreamGateError {
  return new StreamGateError("SG_QUARANTINE_KEY", { where, what, fix });
}
