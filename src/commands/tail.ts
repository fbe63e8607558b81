/** `streamgate tail`: looks on while records pass, after redaction. */

import { StreamGateError } from "../errors.ts";
import type { Connection } from "./client/connection.ts";
import { paint, visible } from "./client/terminal.ts";
import { letSignalsEnd, takeSignals } from "./default_signals.ts";
import { endQuietly, write } from "./standard_output.ts";
import { number } from "./table.ts";

export interface TailOptions {
  readonly rule?: string | undefined;
  readonly output?: string | undefined;
  /** Records a second, at most. */
  readonly rate?: number | undefined;
  /** Ends after so many records; absent: when it is interrupted. */
  readonly count?: number | undefined;
  readonly json: boolean;
}

interface Line {
  readonly kind: "record" | "seen" | "skipped" | "gone";
  readonly text?: string;
  readonly records?: number;
  readonly shown?: number;
  readonly what?: string;
}

/** @returns exit status 0, when it has shown what was asked for, was interrupted, or nobody reads any more */
export async function command(connection: Connection, options: TailOptions): Promise<number> {
  const { rule, output, rate, count = Number.POSITIVE_INFINITY, json } = options;
  const ended = new AbortController();
  takeSignals();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      ended.abort();
      letSignalsEnd();
    });
  let [shown, seen] = [0, 0];
  const status = await endQuietly(async () => {
    for await (const text of connection.lines("/tail", { rule, output, rate }, ended.signal)) {
      const line = JSON.parse(text) as Line;
      if (line.kind === "seen") seen += line.records ?? 0;
      if (json) await write(`${text}\n`);
      else await show(line);
      if (line.kind === "record" && ++shown >= count) return;
    }
    if (!ended.signal.aborted)
      throw new StreamGateError("SG_CONTROL_AWAY", {
        where: connection.url,
        what: "the gate ended the connection",
        fix: "start again when it is back",
      });
  });
  // To whoever looks at the screen.
  if (!json && ended.signal.aborted && process.stderr.isTTY)
    process.stderr.write(`\n${number(shown)} shown of some ${number(seen)} records\n`);
  return status;
}

async function show({ kind, text, records = 0, what = "" }: Line): Promise<void> {
  if (kind === "record")
    await write(`${text === undefined ? paint("dim", "(not shown: a protect rule holds it)") : visible(text)}\n`);
  else if (kind === "skipped")
    process.stderr.write(`streamgate: ${number(records)} records skipped: this terminal reads too slowly\n`);
  else if (kind === "gone") process.stderr.write(`streamgate: ${visible(what)}\n`);
}
