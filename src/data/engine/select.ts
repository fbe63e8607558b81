/** Chooses the engine: the one that was asked for, or native where its addon loads and portable elsewhere. */

import { StreamGateError } from "../../errors.ts";
import { letYoungGenerationGrow } from "../../young_generation.ts";
import { loadAddon } from "./addon.ts";
import type { EngineKind } from "./engine.ts";

/**
 * @param wanted undefined: native when it loads, else portable with a warning to log
 * @throws StreamGateError SG_ENGINE_UNAVAILABLE when native is wanted and does not load; it names every failure
 */
export async function selectEngine(
  wanted: "native" | "portable" | undefined,
): Promise<{ kind: EngineKind; warning?: string }> {
  if (wanted === "portable") return { kind: await portable() };
  const found = loadAddon();
  if ("addon" in found) {
    const { nativeKind } = await import("./native/kind.ts");
    const warning = kernelWarning(found.addon.versions().kernel);
    return { kind: nativeKind(found.addon), ...(warning !== undefined && { warning }) };
  }
  const what = `the native engine does not load (${found.failures.join("; ")})`;
  if (wanted === "native")
    throw new StreamGateError("SG_ENGINE_UNAVAILABLE", { where: "STREAMGATE_ENGINE", what, fix: found.remedy });
  return {
    kind: await portable(),
    warning: `${what}; the portable engine runs, at a fraction of the speed; ${found.remedy}`,
  };
}

/** The addon runs the widest kernel when it cannot run the one that was asked for: whoever measures must know. */
function kernelWarning(runs: string): string | undefined {
  const wanted = process.env.STREAMGATE_SIMD;
  if (wanted === undefined || wanted === "" || wanted === runs) return undefined;
  return `STREAMGATE_SIMD: ${wanted} is no kernel that this processor has; ${runs} runs; choose scalar, v128 or avx2, or leave it out`;
}

/** Loaded only where it runs: re2js is large. */
async function portable(): Promise<EngineKind> {
  letYoungGenerationGrow();
  const { portableKind } = await import("./portable/kind.ts");
  return portableKind();
}
