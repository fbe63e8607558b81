/**
 * `--config FILE`: a gate that takes its configuration from a file and not from its API. Read and checked before it is used, read again when
 * it changes; one that is refused changes nothing, and is told of in the log and in `GET /status`.
 */

import { readFileSync } from "node:fs";
import { StreamGateError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { readConfiguration } from "../manifest/configuration.ts";
import type { PatternChecker } from "../manifest/manifest.ts";
import { WatchedFile } from "../persistence/watched_file.ts";
import type { Log } from "../telemetry/log.ts";

/** As `GET /status` tells it. */
export interface ConfigurationStatus {
  readonly file: string;
  /** When what runs was read. */
  readonly loaded_at: string;
  /** What the file says now is not what runs: since when, and why. */
  readonly refused?: { readonly at: string; readonly error: string };
}

/** A configuration that was read, as a manifest without version. */
export type ReadConfiguration = ReturnType<typeof readConfiguration>;

/** Two places that say what runs are one too many. */
export function twoSources(file: string): StreamGateError {
  return new StreamGateError("SG_SETTING", {
    where: "CONFIG",
    what: `${JSON.stringify(file)} and a Redis are both given, and each would say what runs`,
    fix: "give one of them",
  });
}

export class ConfigurationFile {
  readonly path: string;
  /** What it said at the start. */
  readonly first: ReadConfiguration;
  readonly #check: PatternChecker;
  readonly #log: Log;
  readonly #bytes: Buffer;
  #watched: WatchedFile | undefined;
  #status: ConfigurationStatus;

  /** @throws StreamGateError naming the file, the field and the reason: nothing runs that was not taken */
  constructor(path: string, check: PatternChecker, log: Log) {
    this.path = path;
    this.#check = check;
    this.#log = log;
    try {
      this.#bytes = readFileSync(path);
    } catch (error) {
      const what = `cannot be read: ${(error as Error).message}`;
      throw new StreamGateError("SG_INPUT", { where: path, what, fix: "name a file such as streamgate.json" });
    }
    this.first = this.#read(this.#bytes);
    this.#status = { file: path, loaded_at: new Date().toISOString() };
  }

  get status(): ConfigurationStatus {
    return this.#status;
  }

  /**
   * From now on each new configuration is handed over.
   * @param run puts it to work; what it throws is told, and what ran before runs on. Answers with the version that runs then
   */
  follow(run: (configuration: ReadConfiguration) => Promise<string>): void {
    this.#watched = new WatchedFile(this.path, this.#bytes, {
      changed: async (bytes) => {
        try {
          const version = await run(this.#read(bytes));
          this.#status = { file: this.path, loaded_at: new Date().toISOString() };
          this.#log.info(`${this.path} has changed: version ${version} runs`);
        } catch (error) {
          this.#refused((error as Error).message);
        }
      },
      gone: (error) => this.#refused(`${this.path} cannot be read any more: ${error.message}`),
    });
    this.#watched.start();
  }

  async close(): Promise<void> {
    await this.#watched?.close();
  }

  #refused(error: string): void {
    const { file, loaded_at } = this.#status;
    this.#status = { file, loaded_at, refused: { at: new Date().toISOString(), error } };
    this.#log.error(`the configuration file is refused, what ran before runs on: ${error}`);
  }

  #read(bytes: Uint8Array): ReadConfiguration {
    let value: unknown;
    try {
      value = parseJson(bytes);
    } catch (error) {
      const what = (error as Error).message;
      throw new StreamGateError("SG_MANIFEST", {
        where: this.path,
        what,
        fix: "write JSON, as examples/streamgate.json",
      });
    }
    try {
      const read = readConfiguration(value, this.#check);
      for (const warning of read.warnings) this.#log.warn(`${this.path}: ${warning}`);
      return read;
    } catch (error) {
      if (!(error instanceof StreamGateError)) throw error;
      const { code, where, what, fix } = error;
      throw new StreamGateError(code, {
        where: where === undefined ? this.path : `${this.path} ${where}`,
        what,
        ...(fix !== undefined && { fix }),
      });
    }
  }
}
