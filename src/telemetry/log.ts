/**
 * The program's own log: one line each to standard error, never to standard output, which belongs to records.
 *
 * JSON lines by pino; where standard error is a terminal, plain text. No line ever holds a record's content or a secret. Workers
 * hand theirs to the main thread (`forwardLog`), so that lines of several threads do not mix.
 */

import { isatty } from "node:tty";
import { pino } from "pino";

export type LogLevel = "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  info(message: string): void;
  info(fields: LogFields, message: string): void;
  warn(message: string): void;
  warn(fields: LogFields, message: string): void;
  error(message: string): void;
  error(fields: LogFields, message: string): void;
}

/** Where a line goes, as a worker hands it over. */
export type LogWriter = (level: LogLevel, fields: LogFields, message: string) => void;

/** A log that hands its lines to `write`. */
export function forwardLog(write: LogWriter): Log {
  const at = (level: LogLevel) => (first: string | LogFields, second?: string) =>
    typeof first === "string" ? write(level, {}, first) : write(level, first, second ?? "");
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

/** Writes lines of a worker's log into the process's. */
export function writeLog(log: Log): LogWriter {
  return (level, fields, message) => log[level](fields, message);
}

/**
 * One message at most per `periodMs` and key; what was held back is told with the next one. For events that come with traffic, such
 * as a withheld record.
 */
export class RateLimit {
  readonly #periodMs: number;
  readonly #heldBack = new Map<string, { until: number; count: number }>();

  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  /** @returns how many were held back since the last one, or undefined when this one is to be held back too */
  pass(key: string, nowMs = Date.now()): number | undefined {
    const state = this.#heldBack.get(key);
    if (state !== undefined && nowMs < state.until) {
      state.count++;
      return undefined;
    }
    this.#heldBack.set(key, { until: nowMs + this.#periodMs, count: 0 });
    return state?.count ?? 0;
  }
}

const stderr = pino.destination({ fd: 2, sync: true });
// A closed standard error loses the log, not the records.
stderr.on("error", () => {});

const jsonLog = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
  stderr,
);

function writeText(level: LogLevel, fields: LogFields, message: string): void {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? JSON.stringify(value) : value}`)
    .join("");
  stderr.write(`${new Date().toISOString().slice(11, 19)} ${level === "info" ? "" : `${level}: `}${message}${shown}\n`);
}

/** The process's log; main thread only. */
export const log: Log = forwardLog(isatty(2) ? writeText : (level, fields, message) => jsonLog[level](fields, message));
