/**
 * The process's log: JSON lines by pino; where standard error is a terminal, plain text. Main thread only: a worker hands its
 * lines over (`forwardLog`), so that lines of several threads do not mix and no worker holds a logger.
 */

import { isatty } from "node:tty";
import { pino } from "pino";
import { forwardLog, type Log, type LogFields, type LogLevel } from "./log.ts";

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

export const log: Log = forwardLog(isatty(2) ? writeText : (level, fields, message) => jsonLog[level](fields, message));
