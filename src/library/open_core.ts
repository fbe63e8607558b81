/** Makes what an engine in process consists of, from its options. */

import { isIP } from "node:net";
import { selectEngineNow } from "../data/engine/select.ts";
import type { Framing } from "../data/frame/framing.ts";
import { transport } from "../data/ring/layout.ts";
import { StreamGateError } from "../errors.ts";
import { parseFraming } from "../settings/framing.ts";
import { KiB, MiB } from "../settings/quantity.ts";
import { compile, planOf } from "./compiled_rules.ts";
import { EngineCore } from "./engine_core.ts";
import type { EngineOptions } from "./engine_options.ts";

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
  if (!Object.hasOwn(transport, source.transport))
    throw unfit(
      "source.transport",
      `${JSON.stringify(source.transport)} is none of ${Object.keys(transport).join(", ")}`,
    );
  if (source.address !== undefined && isIP(source.address) === 0)
    throw unfit("source.address", `${JSON.stringify(source.address)} is no IP address`);
  const plan = planOf(compile(rules, engine === undefined ? {} : { engine }));
  return new EngineCore({ kind, plan, framing: parsed, maxRecordBytes, source, onWithheld });
}
