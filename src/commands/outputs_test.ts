/** `streamgate outputs test ID`: sends one record to an output of the draft, and tells what the destination answered. */

import type { Connection } from "./client/connection.ts";
import { paint, visible } from "./client/terminal.ts";
import { say, writeJson } from "./client/written.ts";

interface OutputTest {
  readonly status: "delivered" | "refused" | "unreachable";
  readonly http_status?: number;
  readonly answer?: string;
  readonly verdict?: { readonly kind?: string; readonly reason?: string; readonly alert?: string };
  readonly took_ms: number;
}

/** @returns exit status 0; 1 when the record was not delivered */
export async function command(
  connection: Connection,
  { id, json }: { readonly id: string; readonly json: boolean },
): Promise<number> {
  const { body } = await connection.call<OutputTest>("POST", `/outputs/${encodeURIComponent(id)}/test`);
  const { status, http_status: code, answer, verdict, took_ms: took } = body;
  if (json) writeJson(body);
  else {
    const delivered = status === "delivered";
    const parts = [
      `${visible(id)}: ${paint(delivered ? "green" : "red", status)}`,
      ...(code === undefined ? [] : [`status ${code}`]),
      `${Math.round(took)} ms`,
    ];
    say(parts.join(", "));
    if (!delivered && verdict?.alert !== undefined) say(visible(verdict.alert));
    if (!delivered && answer !== undefined && answer !== "") say(visible(answer));
  }
  return status === "delivered" ? 0 : 1;
}
