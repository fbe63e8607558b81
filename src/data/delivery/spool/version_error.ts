/** What is said of a spool file that another version of the program wrote. */

import { StreamGateError } from "../../../errors.ts";
import { spoolVersion } from "./format.ts";

export function versionError(path: string, version: number): StreamGateError {
  return new StreamGateError("SG_SPOOL_VERSION", {
    where: path,
    what: `is of version ${version} of the spool's format; this program knows version ${spoolVersion}`,
    fix: "start the version that wrote it and let it deliver what is there, or move the file's directory away to start without it",
  });
}
