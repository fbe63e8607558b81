/** A secret of the settings: as it is, or `file:PATH` of a file that holds it. */

import { readFileSync } from "node:fs";
import { StreamGateError } from "../errors.ts";

const fileForm = /^file:(.+)$/s;

/**
 * @param setting for messages, which never hold the secret
 * @returns without line ends around it. @throws StreamGateError SG_SETTING when the file cannot be read or is empty
 */
export function secretText(setting: string, value: string): string {
  const path = fileForm.exec(value)?.[1];
  if (path === undefined) return value;
  const refuse = (what: string) =>
    new StreamGateError("SG_SETTING", {
      where: setting,
      what,
      fix: "name a file that this process may read and that holds it",
    });
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw refuse(`the file cannot be read: ${(error as Error).message}`);
  }
  if (text === "") throw refuse(`the file ${path} is empty`);
  return text;
}
