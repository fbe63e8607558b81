/**
 * Who changed what: an append-only file in the data directory, a JSON object a line, on the disk before the change takes effect. Every
 * write is in it, whether it came over REST, gRPC or the command line, and what was done to the quarantine.
 *
 *     audit.jsonl    {"time":"2026-11-26T12:00:00.000Z","action":"weaken","what":{…},"who":{"name":"ci","address":"127.0.0.1"},"versions":{"from":"6","to":"7"}}
 *     audit.1.jsonl  older ones, up to audit.<filesMax - 1>.jsonl; of these the oldest goes when a new file begins
 *
 * It holds rule ids and kinds of change, never a pattern, a record or a secret.
 */

import { appendFile, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { StreamGateError } from "../errors.ts";
import { syncDirectory } from "../persistence/durable_file.ts";
import type { Actor } from "./actor.ts";

/** Some 20,000 entries a file. */
const fileBytesMax = 4 * 1024 * 1024;
const filesMax = 8;

export type AuditAction =
  | "publish"
  | "publish_refused"
  | "weaken"
  | "promote"
  | "revert"
  | "plane_alert"
  | "rule_add"
  | "rule_replace"
  | "rule_remove"
  | "output_add"
  | "output_replace"
  | "output_remove"
  | "outputs_clear"
  | "output_test"
  | "batch_size"
  | "quarantine_show"
  | "quarantine_release"
  | "quarantine_purge";

export interface AuditEntry {
  readonly action: AuditAction;
  /** Ids and kinds. */
  readonly what: Readonly<Record<string, unknown>>;
  /** Whose request it was. */
  readonly who: Actor;
  /** Of the manifests before and after; null: none was published. */
  readonly versions?: { readonly from: string | null; readonly to: string };
}

export class Audit {
  readonly #directory: string;
  readonly #bytesMax: number;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param bytesMax of one file */
  constructor(dataDirectory: string, bytesMax: number = fileBytesMax) {
    this.#directory = dataDirectory;
    this.#bytesMax = bytesMax;
  }

  /** Of the newest entries. */
  get path(): string {
    return this.#path(0);
  }

  /** When it resolves the entries are on the disk. @throws StreamGateError SG_DATA_DIR with the system's words */
  append(entries: readonly AuditEntry[]): Promise<void> {
    const time = new Date().toISOString();
    const lines = entries.map((entry) => `${JSON.stringify({ time, ...entry })}\n`).join("");
    const appended = this.#turn.then(() => (lines === "" ? undefined : this.#write(lines)));
    this.#turn = appended.catch(() => undefined);
    return appended;
  }

  async #write(lines: string): Promise<void> {
    const path = this.#path(0);
    try {
      const { size } = await stat(path).catch(() => ({ size: 0 }));
      if (size > 0 && size + lines.length > this.#bytesMax) await this.#rotate();
      await appendFile(path, lines, { mode: 0o600 });
      const file = await open(path, "r+");
      await file.sync().finally(() => file.close());
      if (size === 0) await syncDirectory(this.#directory);
    } catch (error) {
      throw new StreamGateError(
        "SG_DATA_DIR",
        {
          where: path,
          what: `cannot be written: ${(error as Error).message}`,
          fix: "make room, or give the process a directory that it may write to: nothing that protects is changed without a trace",
        },
        { cause: error },
      );
    }
  }

  async #rotate(): Promise<void> {
    await rm(this.#path(filesMax - 1), { force: true });
    for (let number = filesMax - 2; number >= 0; number--)
      await rename(this.#path(number), this.#path(number + 1)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
  }

  #path(number: number): string {
    return join(this.#directory, number === 0 ? "audit.jsonl" : `audit.${number}.jsonl`);
  }
}
