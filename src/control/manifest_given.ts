/** Reads a manifest that was given whole, as it was shown or as it lies in somebody's repository. */

import {
  activePipeline,
  type Manifest,
  type PatternChecker,
  readFields,
  readManifest,
  readPipelineFields,
} from "../manifest/manifest.ts";
import { restoreSecrets, restoreUnread } from "../outputs/secrets_of_config.ts";
import { isRecord } from "../schema.ts";
import type { Content } from "./store.ts";

/**
 * Secrets that come back as they were shown become what is stored: of outputs by their ids, of what nobody reads by their places.
 * @throws StreamGateError as `readManifest`, `restoreSecrets` and `restoreUnread` do
 */
export function manifestGiven(raw: unknown, { draft, published }: Content, check: PatternChecker): Manifest {
  const known = [...draft.outputs, ...(published === undefined ? [] : activePipeline(published).outputs)];
  const restored = (output: unknown) => {
    if (!isRecord(output) || typeof output.id !== "string") return output;
    const { id } = output;
    const stored = known.find((one) => one.id === id);
    return stored === undefined ? output : restoreSecrets(output, stored);
  };
  if (!isRecord(raw)) return readManifest(raw, check).manifest;
  const given = othersRestored(raw, published, readFields, []);
  const { pipelines } = given;
  if (!Array.isArray(pipelines)) return readManifest(given, check).manifest;
  const [first, ...rest] = pipelines;
  const active = isRecord(first)
    ? othersRestored(first, published?.pipelines[0], readPipelineFields, ["pipelines", "0"])
    : first;
  const whole = {
    ...given,
    pipelines: [
      isRecord(active) && Array.isArray(active.outputs) ? { ...active, outputs: active.outputs.map(restored) } : active,
      ...rest.map((pipeline, index) =>
        restoreUnread(pipeline, published?.pipelines[index + 1], ["pipelines", `${index + 1}`]),
      ),
    ],
  };
  return readManifest(pipelines.length === 0 ? given : whole, check).manifest;
}

function othersRestored(
  given: Record<string, unknown>,
  stored: Readonly<Record<string, unknown>> | undefined,
  known: readonly string[],
  path: readonly string[],
): Record<string, unknown> {
  const of = (field: string) => (stored !== undefined && Object.hasOwn(stored, field) ? stored[field] : undefined);
  return Object.fromEntries(
    Object.entries(given).map(([field, value]) => [
      field,
      known.includes(field) ? value : restoreUnread(value, of(field), [...path, field]),
    ]),
  );
}
