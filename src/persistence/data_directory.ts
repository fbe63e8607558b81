/**
 * The data directory and its lock: one process a directory.
 *
 * Lock files are numbered, `lock.1`, `lock.2` …; the highest number counts. It names its owner: process id, that process's start
 * time, and the boot, because ids are used again. An owner that is gone, or that says `free`, is replaced by creating the
 * next number with `link`, which fails when the name exists, so of two successors one wins. Removing the old file first
 * and then creating a new one would let both win. The highest file is never removed, so numbers never go back; lower
 * ones are removed by the owner of a higher one.
 *
 * Two containers that share a volume do not see each other's processes, so an owner also names a socket on which it can be called
 * (presence.ts). Both go for one machine: of two machines that share a directory neither sees the other.
 */

import { link, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { StreamGateError } from "../errors.ts";
import { makeDirectory, writeDurably } from "./durable_file.ts";
import { isPresent, type Presence, removePresence, showPresence } from "./presence.ts";

interface Owner {
  readonly pid: number;
  /** Clock ticks from boot to the process's start (/proc/PID/stat, field 22); absent where there is no /proc. */
  readonly started?: string;
  /** The kernel's id of this boot; absent where there is none. */
  readonly boot?: string;
  /** Where it can be called; absent where the directory can have no socket. */
  readonly socket?: string;
  /** True: given back in order. */
  readonly free?: boolean;
}

export interface DataDirectory {
  /** Absolute. */
  readonly path: string;
  /** Gives the lock back; where that cannot be written, the end of this process does. Calling it twice does no harm. */
  release(): Promise<void>;
}

/** Successors that lose a race look again; each loss means that another process made progress. */
const attemptsMax = 20;

/**
 * Makes the directory where it is missing (mode 0700) and takes its lock.
 * @throws StreamGateError SG_DATA_DIR when it cannot be used, SG_DATA_DIR_LOCKED naming the process that uses it
 */
export async function openDataDirectory(directory: string): Promise<DataDirectory> {
  const path = resolve(directory);
  let presence: Presence | undefined;
  try {
    await makeDirectory(path);
    // Before the lock names it: a successor must find it open.
    presence = await showPresence(path);
    const self = { ...(await describeProcess(process.pid))!, ...(presence !== undefined && { socket: presence.name }) };
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const before = await highest(path);
      const former = before === undefined ? undefined : await refuseIfAlive(path, before);
      const number = (before ?? 0) + 1;
      if (!(await create(path, number, self))) continue;
      // Someone who read the directory earlier may have linked a number below ours after its file was removed: highest wins.
      if ((await highest(path)) !== number) {
        await rm(lockPath(path, number), { force: true });
        continue;
      }
      await removeBelow(path, number);
      if (former?.socket !== undefined) await removePresence(path, former.socket);
      const shown = presence;
      let released = false;
      return {
        path,
        async release() {
          if (released) return;
          released = true;
          // On a full disk it goes on naming this process, and whoever comes next sees that it has ended.
          await writeDurably(lockPath(path, number), JSON.stringify({ ...self, free: true })).catch(() => undefined);
          await shown?.end();
        },
      };
    }
  } catch (error) {
    await presence?.end();
    if (error instanceof StreamGateError) throw error;
    throw new StreamGateError(
      "SG_DATA_DIR",
      {
        where: path,
        what: `cannot be used: ${(error as Error).message}`,
        fix: "give the process a directory that it may write to, with --data-dir or STREAMGATE_DATA_DIR",
      },
      { cause: error },
    );
  }
  await presence?.end();
  throw new StreamGateError("SG_DATA_DIR_LOCKED", {
    where: path,
    what: "several processes are fighting for this directory",
    fix: "give each its own with --data-dir or STREAMGATE_DATA_DIR",
  });
}

/** @returns the owner that is gone, where the lock names one */
async function refuseIfAlive(path: string, number: number): Promise<Owner | undefined> {
  const text = await readFile(lockPath(path, number), "utf8").catch(() => undefined);
  if (text === undefined) return undefined; // replaced meanwhile: linking the next number will tell
  const owner = parseOwner(text);
  if (owner === undefined || owner.free === true) return owner;
  const now = await describeProcess(owner.pid);
  const isHere = now !== undefined && now.started === owner.started && now.boot === owner.boot;
  const isElsewhere = !isHere && owner.socket !== undefined && (await isPresent(path, owner.socket));
  if (!isHere && !isElsewhere) return owner;
  throw new StreamGateError("SG_DATA_DIR_LOCKED", {
    where: path,
    what: `process ${owner.pid}${isElsewhere ? " of another container" : ""} uses this directory`,
    fix: "stop that process, or give this one its own directory with --data-dir or STREAMGATE_DATA_DIR",
  });
}

/** @returns false when the number is taken */
async function create(path: string, number: number, owner: Owner | undefined): Promise<boolean> {
  // Linked when complete, so that nobody reads half an owner.
  const temporary = join(path, `.lock.${process.pid}.${number}.${Math.random().toString(36).slice(2)}.tmp`);
  await writeFile(temporary, JSON.stringify(owner), { flag: "wx", mode: 0o600 });
  try {
    await link(temporary, lockPath(path, number));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function lockNumbers(path: string): Promise<number[]> {
  const names = await readdir(path);
  return names.flatMap((name) => {
    const match = /^lock\.(\d+)$/.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

async function highest(path: string): Promise<number | undefined> {
  const numbers = await lockNumbers(path);
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}

async function removeBelow(path: string, number: number): Promise<void> {
  for (const lower of await lockNumbers(path)) if (lower < number) await rm(lockPath(path, lower), { force: true });
}

function lockPath(path: string, number: number): string {
  return join(path, `lock.${number}`);
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Owner | null;
    return typeof owner?.pid === "number" ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined when no such process lives */
async function describeProcess(pid: number): Promise<Owner | undefined> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => undefined);
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat !== undefined) {
    // The second field is the command in parentheses, which may hold spaces and parentheses itself: count from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return undefined; // dead, not yet waited for
    return { pid, started: fields[19]!, ...(boot !== undefined && { boot: boot.trim() }) };
  }
  if (boot !== undefined) return undefined;
  try {
    process.kill(pid, 0);
    return { pid };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? { pid } : undefined;
  }
}
