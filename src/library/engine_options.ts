/** What an engine in process is made from, and its making. */

import { selectEngineNow } from "../data/engine/select.ts";
import type { Framing } from "../data/frame/framing.ts";
import type { Transport } from "../data/ring/layout.ts";
import { StreamGateError } from "../errors.ts";
import { parseFraming } from "../settings/framing.ts";
import { KiB, MiB } from "../settings/quantity.ts";
import { compile, planOf, type RulesInput } from "./compiled_rules.ts";
import { EngineCore, type WithheldRecord } from "./engine_core.ts";

export interface EngineOptions {
  /** A list of rules, a manifest, or what `compile` made. Of a manifest only the rules run: there is one output, what comes out. */
  readonly rules: RulesInput;
  /** Default: native where it loads, else portable with a process warning of code `STREAMGATE_ENGINE`. Both give the same bytes. */
  readonly engine?: "native" | "portable";
  /**
   * How bytes are cut into records: `newline`, `auto`, `octet`, `nul`, `length32`, `delimiter:TEXT`, or `datagram`, with which each call of
   * `run` and each chunk of a stream is one record. Default `newline`. What comes out is always ended by LF.
   */
  readonly framing?: string;
  /** Longest record in bytes, 1 KiB to 64 MiB; what exceeds it is discarded and counted. Default 1 MiB. */
  readonly maxRecordBytes?: number;
  /** What conditions that ask for a record's source see. Default `{ transport: "stdin" }`, as in `streamgate pipe`. */
  readonly source?: {
    readonly transport: Transport;
    /** IPv4 or IPv6. */
    readonly address?: string;
    readonly port?: number;
  };
  /**
   * Gets each record that a protect rule could not finish, before the call that brought it returns. Such records never come out; without
   * this they are counted in `stats().quarantined` and kept nowhere. What it throws is thrown as an uncaught exception.
   */
  readonly onWithheld?: (record: WithheldRecord) => void;
}

const recordBytesMin = 1 * KiB;
const recordBytesMax = 64 * MiB;
let warned = false;

/**
 * @param where what an error names in front of the option
 * @throws StreamGateError as `createEngine`
 */
export function openCore(options: EngineOptions, where: string): EngineCore {
  const { rules, engine, framing = "newline", maxRecordBytes = MiB, onWithheld } = options;
  const { source = { transport: "stdin" } } = options;
  const { kind, warning } = selectEngineNow(engine, `${where}.engine`);
  if (warning !== undefined && !warned) {
    warned = true;
    process.emitWarning(warning, { code: "STREAMGATE_ENGINE" });
  }
  const unfit = (option: string, what: string) =>
    new StreamGateError("SG_SETTING", {
      where: `${where}.${option}`,
      what,
      fix: "docs/library.md tells what it takes",
    });
  if (!Number.isInteger(maxRecordBytes) || maxRecordBytes < recordBytesMin || maxRecordBytes > recordBytesMax)
    throw unfit(
      "maxRecordBytes",
      `${maxRecordBytes} is no number of bytes from ${recordBytesMin} to ${recordBytesMax}`,
    );
  let parsed: Framing;
  try {
    parsed = framing === "datagram" ? { kind: "datagram" } : parseFraming(framing);
  } catch (error) {
    throw unfit("framing", `${JSON.stringify(framing)} ${(error as Error).message}`);
  }
  const plan = planOf(compile(rules, engine === undefined ? {} : { engine }));
  return new EngineCore({ kind, plan, framing: parsed, maxRecordBytes, source, onWithheld });
}
