/** What several groups of the command line need: options made from the table of settings, and texts that become values. */

import { type Command, Option } from "commander";
import { StreamGateError } from "../../errors.ts";
import { defaultText, type SettingKey, settingSchema, spellings } from "../../settings/settings.ts";

/** A command that ends by itself gives its exit status; one that serves gives none and keeps the process alive. */
export function finish(status: unknown): void {
  if (typeof status === "number") process.exitCode = status;
}

/** Gives a command one option for each setting, described by the table of settings. */
export function withSettings(command: Command, keys: readonly SettingKey[]): Command {
  for (const key of keys) {
    const { flag, env, placeholder } = spellings[key];
    const fallback = defaultText(key);
    const option = placeholder === undefined ? `--${flag}` : `--${flag} <${placeholder}>`;
    const about = `${settingSchema(key).description} [${env}${fallback === undefined ? "" : `, default ${fallback}`}]`;
    command.addOption(new Option(option, about));
  }
  return command;
}

/** Names between commas, of every time that the flag is given. */
export function collectNames(value: string, before: string[] = []): string[] {
  return [
    ...before,
    ...value
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  ];
}

export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export function readNumber(where: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new StreamGateError("SG_SETTING", {
    where,
    what: `${JSON.stringify(text)} is no number from ${min} to ${max}`,
    fix: "give one",
  });
}
