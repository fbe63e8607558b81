/**
 * The process's log, on standard error: JSON lines by pino, or plain text for a terminal. Main thread only: a worker hands its lines over
 * (`forwardLog`), so that lines of several threads do not mix and no worker holds a logger.
 *
 * Of one kind of message a second brings at most `linesPerSecondMax` lines; how many were held back is told when it is over.
 */

import { isatty } from "node:tty";
import { pino } from "pino";
import { forwardLog, type Log, type LogFields, type LogLevel, LogThrottle, type LogWriter } from "./log.ts";

const stderr = pino.destination({ fd: 2, sync: true });
// A closed standard error loses the log, not the records.
stderr.on("error", () => {});

const jsonLog = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
  stderr,
);

export interface LogOptions {
  /** `auto`: pretty where standard error is a terminal. */
  readonly logFormat: "auto" | "json" | "pretty";
  /** The least that is written. */
  readonly logLevel: LogLevel | "silent";
}

const linesPerSecondMax = 10;
/** Warnings and errors that `/status` shows. */
const problemsMax = 20;
const order: readonly (LogLevel | "silent")[] = ["info", "warn", "error", "silent"];

export interface Problem {
  readonly at: string;
  readonly level: LogLevel;
  readonly message: string;
}

let pretty = isatty(2);
let least = 0;
const problems: Problem[] = [];
const lines: Record<LogLevel, number> = { info: 0, warn: 0, error: 0 };

/** From now on; what was logged before went out as JSON lines, or as text on a terminal. */
export function configureLog({ logFormat, logLevel }: LogOptions): void {
  pretty = logFormat === "auto" ? isatty(2) : logFormat === "pretty";
  least = order.indexOf(logLevel);
}

/** The newest warnings and errors, the newest first, and how many lines there were of each level since the start, written or not. */
export function logged(): {
  problems: readonly Problem[];
  lines: Readonly<Record<LogLevel, number>>;
  heldBack: number;
} {
  return { problems: problems.toReversed(), lines: { ...lines }, heldBack: throttle.heldBack };
}

/** Whoever has the gate in its own process hears the lines instead; none: they go nowhere. */
let listeners: Set<LogWriter> | undefined;

/**
 * From the first call on nothing is written to standard error. The log is the process's: with several gates in it each listener hears all lines.
 * @returns ends it
 */
export function listenToLog(listener: LogWriter | undefined): () => void {
  listeners ??= new Set();
  if (listener === undefined) return () => {};
  listeners.add(listener);
  return () => void listeners?.delete(listener);
}

function write(level: LogLevel, fields: LogFields, message: string): void {
  if (listeners !== undefined) for (const listen of listeners) listen(level, fields, message);
  else if (pretty) writeText(level, fields, message);
  else jsonLog[level](fields, message);
}

function writeText(level: LogLevel, fields: LogFields, message: string): void {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? JSON.stringify(value) : value}`)
    .join("");
  stderr.write(`${new Date().toISOString().slice(11, 19)} ${level === "info" ? "" : `${level}: `}${message}${shown}\n`);
}

const throttle = new LogThrottle(linesPerSecondMax, write);
process.on("exit", () => throttle.end());

export const log: Log = forwardLog((level, fields, message) => {
  lines[level]++;
  if (level !== "info") {
    problems.push({ at: new Date().toISOString(), level, message });
    if (problems.length > problemsMax) problems.shift();
  }
  if (order.indexOf(level) >= least) throttle.write(level, fields, message);
});
