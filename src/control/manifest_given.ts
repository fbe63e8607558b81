/** Reads a manifest that was given whole, as it was shown or as it lies in somebody's repository. */

import { activePipeline, type Manifest, type PatternChecker, readManifest } from "../manifest/manifest.ts";
import { restoreSecrets } from "../outputs/secrets_of_config.ts";
import { isRecord } from "../schema.ts";
import type { Content } from "./store.ts";

/** @throws StreamGateError as `readManifest` and `restoreSecrets` do */
export function manifestGiven(raw: unknown, { draft, published }: Content, check: PatternChecker): Manifest {
  const known = [...draft.outputs, ...(published === undefined ? [] : activePipeline(published).outputs)];
  const restored = (output: unknown) => {
    if (!isRecord(output) || typeof output.id !== "string") return output;
    const { id } = output;
    const stored = known.find((one) => one.id === id);
    return stored === undefined ? output : restoreSecrets(output, stored);
  };
  const given =
    isRecord(raw) &&
    Array.isArray(raw.pipelines) &&
    isRecord(raw.pipelines[0]) &&
    Array.isArray(raw.pipelines[0].outputs)
      ? {
          ...raw,
          pipelines: [
            { ...raw.pipelines[0], outputs: raw.pipelines[0].outputs.map(restored) },
            ...raw.pipelines.slice(1),
          ],
        }
      : raw;
  return readManifest(given, check).manifest;
}
