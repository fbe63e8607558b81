/** What the bench measures: a program that takes lines over TCP or datagrams over UDP and hands on what it keeps. */

import type { Job } from "../work.ts";

export interface Site {
  /** Where it shall listen. */
  readonly port: number;
  /** A folder of its own, for configuration and state. */
  readonly folder: string;
  /** The file or FIFO that the kept lines must reach, for jobs with such a destination. */
  readonly output: string;
  /** Where the bench takes POSTs, for jobs with that destination; the path is /logs. */
  readonly sinkPort: number;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where its standard output goes; absent: nowhere. */
  readonly stdout?: string;
}

export interface Subject {
  readonly name: string;
  /** `floor` does none of the work; `own` must lose and leak nothing; `peer` is what `own` is compared with. */
  readonly rank: "floor" | "own" | "peer";
  /** Undefined when the program is on this machine, else why it is left out. */
  missing(): string | undefined;
  /** As the program itself tells it. */
  version(): string;
  /** Undefined when it can do the job, else why not, in words for the table's notes. */
  refuses(job: Job): string | undefined;
  /** The command to start; it may write configuration into the site's folder first. */
  command(job: Job, site: Site): Command;
  /** A text that stands once in each record of its output, when it wraps records so that lines cannot be compared. */
  marker?(job: Job): string | undefined;
  /** The most lines that it is sent in one run; for subjects so slow that more would only take long. */
  readonly linesMax?: number;
}

/** A string as C and most configuration languages quote it. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
