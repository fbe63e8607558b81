/**
 * A small file that is either the old one or the new one, whole, whatever happens in between: kill -9, a full disk, a power cut.
 *
 * New bytes go to a temporary file beside it, reach the disk (fsync), take the name (rename, atomic by POSIX), and the
 * directory's entry reaches the disk too. Without the last step a power cut may bring the old file back after it was
 * said to be replaced.
 */

import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { StreamGateError } from "../errors.ts";
import { parseJson } from "../json.ts";

let temporaries = 0;

/**
 * Replaces `path` by `content`. When it resolves, the new content survives a power cut; when it rejects, the old one stays.
 * @throws StreamGateError SG_DATA_DIR with the system's words
 */
export async function writeDurably(path: string, content: string): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${process.pid}.${temporaries++}.tmp`);
  try {
    await makeDirectory(directory);
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(directory);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw unusable(path, "written", error);
  }
}

/** Makes a directory for its owner alone, where it is missing, and those above it; a power cut takes none of them away again. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
}

/** @returns the file's text, or undefined when there is none */
export async function readDurable(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(path, "read", error);
  }
}

/** Removes temporary files that a killed process left in a directory. Call before anything is written there. */
export async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) if (/^\..*\.tmp$/.test(name)) await rm(join(directory, name), { force: true });
}

/** Removes a file for good; none there is fine. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/** Parses a state file. @throws StreamGateError SG_STATE_DAMAGED: starting empty instead would switch protection off */
export function parseState(path: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

export function damaged(path: string, what: string): StreamGateError {
  return new StreamGateError("SG_STATE_DAMAGED", {
    where: path,
    what,
    fix: "mend it from a backup, or move it away to start without what it held",
  });
}

/** What was made, renamed or removed in a directory is so on the disk too. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories; its rename is journalled.
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unusable(path: string, what: string, error: unknown): StreamGateError {
  return new StreamGateError(
    "SG_DATA_DIR",
    {
      where: path,
      what: `cannot be ${what}: ${(error as Error).message}`,
      fix: "give the process a directory that it may write to, with --data-dir or STREAMGATE_DATA_DIR",
    },
    { cause: error },
  );
}
