/**
 * The program's own log: one line each to standard error, never to standard output, which belongs to records.
 *
 * No line ever holds a record's content or a secret. Here is what every thread knows of it; `process_log.ts` writes.
 */

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
