/**
 * A socket in the data directory on which its owner can be called. Numbers of processes mean nothing in another container; whether somebody
 * answers does, for all that share a directory on one machine. The socket of an owner that was killed stays, and nobody answers there.
 */

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";

const form = /^alive\.[0-9a-f]{8}$/;
/** Linux and macOS take 107 and 103 bytes (sun_path). */
const pathBytesMax = 100;
/** Whoever is there answers at once, by the kernel alone. */
const answerMsMax = 2_000;

/** The socket's process has ended, or there is no such socket. */
const gone = ["ECONNREFUSED", "ENOENT", "ENOTSOCK", "ENOTDIR"];

export interface Presence {
  /** The socket's name in the directory. */
  readonly name: string;
  /** Nobody answers from now on. */
  end(): Promise<void>;
}

/** @returns undefined where there can be no such socket: on Windows, below a long path, on a disk that has none */
export async function showPresence(directory: string): Promise<Presence | undefined> {
  const name = `alive.${randomBytes(4).toString("hex")}`;
  const path = join(directory, name);
  if (process.platform === "win32" || Buffer.byteLength(path) > pathBytesMax) return undefined;
  const server = createServer((socket) => socket.destroy()).unref();
  const isOpen = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false)).listen(path, () => resolve(true));
  });
  if (!isOpen) return undefined;
  // The file goes with it.
  const end = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { name, end };
}

/** Whether the owner that named this socket is there. */
export function isPresent(directory: string, name: string): Promise<boolean> {
  if (!form.test(name)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(join(directory, name));
    const settle = (there: boolean) => {
      socket.destroy();
      resolve(there);
    };
    socket.setTimeout(answerMsMax, () => settle(true));
    socket
      .once("connect", () => settle(true))
      .once("error", ({ code }: NodeJS.ErrnoException) => settle(!gone.includes(code ?? "")));
  });
}

/** Takes away the socket of an owner that was killed. */
export async function removePresence(directory: string, name: string): Promise<void> {
  if (form.test(name)) await rm(join(directory, name), { force: true });
}
