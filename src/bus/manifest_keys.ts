/** The keys of MANIFEST_KEY: what travels through Redis is signed with the last of them, and each verifies. */

import { StreamGateError } from "../errors.ts";
import type { ManifestKeys } from "../manifest/signature.ts";
import { secretText } from "../settings/secret_text.ts";

/** Of a key: 32 characters of base64 are 192 bits. */
const keyCharactersMin = 32;

/**
 * A file is read each time: what is signed is rare, and a key that is appended counts at once.
 * @param setting the value of MANIFEST_KEY
 * @throws StreamGateError SG_MANIFEST_KEY
 */
export function manifestKeys(setting: string): ManifestKeys {
  const refuse = (what: string) =>
    new StreamGateError("SG_MANIFEST_KEY", {
      where: "MANIFEST_KEY",
      what,
      fix: "give the output of `openssl rand -base64 32`, or file:PATH of a file with one such line for each key",
    });
  let text: string;
  try {
    text = secretText("MANIFEST_KEY", setting);
  } catch (error) {
    throw refuse((error as StreamGateError).what);
  }
  const lines = text.split("\n").map((line) => line.trim());
  const all = lines.filter((line) => line !== "").map((line) => Buffer.from(line, "utf8"));
  const current = all.at(-1);
  if (current === undefined || all.some(({ length }) => length < keyCharactersMin))
    throw refuse(`a key has fewer than ${keyCharactersMin} characters`);
  return { current, all };
}
