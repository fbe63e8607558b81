/** A file that a setting or a field names: read, or refused in the words of who named it. */

import { readFileSync } from "node:fs";
import { StreamGateError } from "../errors.ts";

export interface NamedPath {
  /** Such as `CONTROL_TLS_CERT`. */
  readonly setting: string;
  readonly path: string;
}

/** @throws StreamGateError SG_TLS when it cannot be read */
export function readNamed({ setting, path }: NamedPath): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unfit(
      `${setting} ${path}`,
      `cannot be read: ${(error as Error).message}`,
      "name a PEM file that this process may read",
    );
  }
}

export function unfit(where: string, what: string, fix: string): StreamGateError {
  return new StreamGateError("SG_TLS", { where, what, fix });
}
