/** Answers as commands write them: JSON as the API gave it, or sentences and tables. */

import { print } from "../print.ts";
import { paint, visible } from "./terminal.ts";

/** As it came, on one line: for `jq`, and for whoever compares. */
export function writeJson(value: unknown): void {
  print(`${JSON.stringify(value)}\n`);
}

export function say(sentence: string): void {
  print(`${sentence}\n`);
}

/** On standard output: it is part of what was asked for. */
export function warn(sentence: string): void {
  print(`${paint("yellow", "warning")}: ${visible(sentence)}\n`);
}

const summaryCharactersMax = 96;

/** `value=DEBUG action=keep`: parameters or fields in one line, cut where it becomes long. */
export function summaryOf(fields: Readonly<Record<string, unknown>>): string {
  const text = Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  const shown = visible(text);
  return shown.length <= summaryCharactersMax ? shown : `${shown.slice(0, summaryCharactersMax - 1)}…`;
}
