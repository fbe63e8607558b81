/** The settings that a gate in somebody's process takes: those of `streamgate run` (docs/cli.md), by their names in camel case. */

import { StreamGateError } from "../errors.ts";
import { readSettings, type SettingKey, type Settings, settingKeys, spellings } from "../settings/settings.ts";

/** Given as they are written on the command line: `attribute:user.id`, `delimiter:\\n`. */
type TextKey = "tcpFraming" | "shardBy" | "prices" | "controlAllowedHosts";

/** A gate in process is told what to run by its host: no Redis, no file, no log of its own. */
const left = [
  "redisUrl",
  "redisHost",
  "redisPort",
  "redisUsername",
  "redisPassword",
  "redisTlsCa",
  "redisTlsCert",
  "redisTlsKey",
  "manifestKey",
  "config",
  "url",
  "ca",
  "logFormat",
  "logLevel",
] as const satisfies readonly SettingKey[];

/** docs/reference/settings.md has each one's meaning and range. Sizes are in bytes, times in milliseconds. */
export type GateSettings = Partial<Omit<Settings, TextKey | (typeof left)[number]> & Readonly<Record<TextKey, string>>>;

export const gateSettingKeys: readonly SettingKey[] = settingKeys.filter(
  (key) => !(left as readonly string[]).includes(key),
);

/** @throws StreamGateError SG_SETTING naming the option; environment variables are not looked at */
export function readGateSettings(given: GateSettings): Settings {
  const flags: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!(gateSettingKeys as readonly string[]).includes(key))
      throw new StreamGateError("SG_SETTING", {
        where: `createGate options.${key}`,
        what: "is no option",
        fix: "docs/library.md lists them",
      });
    flags[key] = typeof value === "number" && key.endsWith("Ms") ? String(value / 1000) : String(value);
  }
  try {
    return readSettings({ flags });
  } catch (error) {
    if (!(error instanceof StreamGateError)) throw error;
    const { code, what, fix, where = "" } = error;
    throw new StreamGateError(code, { where: optionOf(where), what, ...(fix !== undefined && { fix }) });
  }
}

/** The table speaks of flags and variables. */
function optionOf(where: string): string {
  const key = settingKeys.find((one) => where === `--${spellings[one].flag}` || where === spellings[one].env);
  return `createGate options${key === undefined ? "" : `.${key}`}`;
}
