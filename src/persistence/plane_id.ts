/** What a data plane is called where nobody named it: the host's name and a few random letters, kept in its data directory. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { readDurable, writeDurably } from "./durable_file.ts";

const fileName = "plane_id";

/** @throws StreamGateError SG_DATA_DIR */
export async function planeId(dataDirectory: string, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const path = join(dataDirectory, fileName);
  const kept = (await readDurable(path))?.trim();
  if (kept !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(kept)) return kept;
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 80);
  const id = `${host === "" ? "plane" : host}-${randomBytes(3).toString("hex")}`;
  await writeDurably(path, `${id}\n`);
  return id;
}
