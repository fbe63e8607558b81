/** Chooses the engine: the one that was asked for, or native where its addon loads and portable elsewhere. */

import { createRequire } from "node:module";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { StreamGateError } from "../../errors.ts";
import { letYoungGenerationGrow } from "../../young_generation.ts";
import { type Addon, loadAddon } from "./addon.ts";
import type { EngineKind } from "./engine.ts";

/** An engine to use, and what to log about the choice. */
export interface SelectedEngine {
  readonly kind: EngineKind;
  readonly warning?: string;
}

/**
 * @param wanted undefined: native when it loads, else portable with a warning to log
 * @throws StreamGateError SG_ENGINE_UNAVAILABLE when native is wanted and does not load; it names every failure
 */
export async function selectEngine(wanted: EngineName | undefined): Promise<SelectedEngine> {
  const { addon, ...told } = choose(wanted, "STREAMGATE_ENGINE");
  if (addon !== undefined) {
    const { nativeKind } = await import("./native/kind.ts");
    return { kind: nativeKind(addon), ...told };
  }
  // Loaded only where it runs: re2js is large.
  letYoungGenerationGrow();
  const { portableKind } = await import("./portable/kind.ts");
  return { kind: portableKind(), ...told };
}

/**
 * As `selectEngine`, at once: for who is called by somebody that cannot wait.
 * @param where what an error names as the place
 */
export function selectEngineNow(wanted: EngineName | undefined, where: string): SelectedEngine {
  const { addon, ...told } = choose(wanted, where);
  const half = addon === undefined ? "portable" : "native";
  // Modules that lie beside this one, compiled or not; Node's `require` takes ES modules since 22.12.
  const load = createRequire(import.meta.url);
  const { nativeKind, portableKind } = load(`./${half}/kind${extname(fileURLToPath(import.meta.url))}`) as Kinds;
  return { kind: addon === undefined ? portableKind() : nativeKind(addon), ...told };
}

type EngineName = "native" | "portable";
type Kinds = typeof import("./native/kind.ts") & typeof import("./portable/kind.ts");

/** @returns the addon where the native engine is to run */
function choose(wanted: EngineName | undefined, where: string): { addon?: Addon; warning?: string } {
  if (wanted === "portable") return {};
  if (wanted !== undefined && wanted !== "native")
    throw new StreamGateError("SG_SETTING", {
      where,
      what: `${JSON.stringify(wanted)} is no engine`,
      fix: "choose native or portable, or leave it out",
    });
  const found = loadAddon();
  if ("addon" in found) {
    const warning = kernelWarning(found.addon.versions().kernel);
    return { addon: found.addon, ...(warning !== undefined && { warning }) };
  }
  const what = `the native engine does not load (${found.failures.join("; ")})`;
  if (wanted === "native") throw new StreamGateError("SG_ENGINE_UNAVAILABLE", { where, what, fix: found.remedy });
  return { warning: `${what}; the portable engine runs, at a fraction of the speed; ${found.remedy}` };
}

/** The addon runs the widest kernel when it cannot run the one that was asked for: whoever measures must know. */
function kernelWarning(runs: string): string | undefined {
  const wanted = process.env.STREAMGATE_SIMD;
  if (wanted === undefined || wanted === "" || wanted === runs) return undefined;
  return `STREAMGATE_SIMD: ${wanted} is no kernel that this processor has; ${runs} runs; choose scalar, v128 or avx2, or leave it out`;
}
