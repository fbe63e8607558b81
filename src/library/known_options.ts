/** Refuses options that do not exist: a misspelt one would do nothing, in silence, and some of them protect. */

import { StreamGateError } from "../errors.ts";
import { nameOf } from "../schema.ts";

/** What pino adds to the options of a transport: `$context`, `pinoWillSendConfig`. */
const addedByPino = /^(?:[$]|pino[A-Z])/;

/**
 * @param where what an error names in front of the option
 * @throws StreamGateError SG_SETTING
 */
export function refuseUnknownOptions(options: unknown, known: readonly string[], where: string): void {
  if (typeof options !== "object" || options === null)
    throw new StreamGateError("SG_SETTING", {
      where,
      what: `must be an object, not ${nameOf(options)}`,
      fix: `give some of ${known.join(", ")}`,
    });
  for (const [option, value] of Object.entries(options))
    if (value !== undefined && !known.includes(option) && !addedByPino.test(option))
      throw new StreamGateError("SG_SETTING", {
        where: `${where}.${option}`,
        what: "is no option",
        fix: `choose from ${known.join(", ")}`,
      });
}
