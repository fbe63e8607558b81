/**
 * What the command line does to the quarantine goes into the audit file too, before it is done: who runs it as which user of the system.
 *
 * It only appends, whatever the file's size, and leaves it to the instance to begin new files: two processes that rename the same ones at
 * once could lose some.
 */

import { chown, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { Audit, type AuditAction } from "../control/audit.ts";

/** @param root the directory that holds the quarantine. @throws StreamGateError SG_DATA_DIR */
export async function auditQuarantine(
  root: string,
  action: Extract<AuditAction, `quarantine_${string}`>,
  what: Readonly<Record<string, unknown>>,
): Promise<void> {
  const audit = new Audit(root, Number.POSITIVE_INFINITY);
  await audit.append([{ action, what, who: { name: userName(), address: "command line" } }]);
  // Root in a container may be the first who writes it, and an instance of another user has to go on with it.
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(root);
  await chown(audit.path, uid, gid);
}

/** A container's user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "?"}`;
  }
}
