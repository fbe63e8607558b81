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

/** Kinds that are told apart within one second; what comes with another one then is one kind. */
const kindsMax = 256;
const windowMs = 1000;

/**
 * Lets of each kind of line so many through in a second, and tells at its end how many it held back. A kind is a level and a message but for
 * what stands in it of numbers and quoted names: two destinations that fail alike are one kind.
 */
export class LogThrottle {
  readonly #linesMax: number;
  readonly #write: LogWriter;
  readonly #kinds = new Map<string, { level: LogLevel; example: string; seen: number }>();
  #timer: NodeJS.Timeout | undefined;
  /** Since the start. */
  heldBack = 0;

  constructor(linesMax: number, write: LogWriter) {
    this.#linesMax = linesMax;
    this.#write = write;
  }

  write(level: LogLevel, fields: LogFields, message: string): void {
    const known = `${level} ${message.replace(/"(?:[^"\\]|\\.)*"|\d+/g, "#")}`;
    const kind = this.#kinds.size < kindsMax || this.#kinds.has(known) ? known : `${level} others`;
    const state = this.#kinds.get(kind) ?? { level, example: message, seen: 0 };
    this.#kinds.set(kind, state);
    this.#timer ??= setTimeout(() => this.end(), windowMs).unref();
    if (++state.seen <= this.#linesMax) this.#write(level, fields, message);
    else this.heldBack++;
  }

  /** The second is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { level, example, seen } of this.#kinds.values()) {
      const heldBack = seen - this.#linesMax;
      if (heldBack > 0) this.#write(level, { heldBack }, `held back lines like: ${example}`);
    }
    this.#kinds.clear();
  }
}
