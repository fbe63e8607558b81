/** The draft: what the next publication publishes, and how it becomes the content of a manifest and back. */

import { canonical } from "../manifest/canonical.ts";
import { activePipeline, type Manifest, type Rule } from "../manifest/manifest.ts";
import { type NamedOutput, withIds } from "../manifest/output_identity.ts";

export interface Draft {
  readonly rules: readonly Rule[];
  readonly outputs: readonly NamedOutput[];
  readonly batch_size: number;
  /** What a manifest that was put whole holds besides: none of it is read, all of it is published again. */
  readonly kept?: {
    /** Fields of the manifest. */
    readonly manifest: Readonly<Record<string, unknown>>;
    /** Fields of its first pipeline, its name among them. */
    readonly pipeline: Readonly<Record<string, unknown>>;
    /** Its other pipelines. */
    readonly pipelines: readonly unknown[];
  };
}

/** A manifest without what each publication gives it anew: version, timestamp and its own word to the planes (`revert`). */
export function contentOf({ rules, outputs, batch_size, kept }: Draft): Record<string, unknown> {
  return {
    ...kept?.manifest,
    pipelines: [
      { name: "default_pipeline", ...kept?.pipeline, processors: rules, outputs, batch_size },
      ...(kept?.pipelines ?? []),
    ],
  };
}

/** Likewise of a manifest. */
export function contentOfManifest(manifest: Manifest): Record<string, unknown> {
  const { version: _, timestamp: __, revert: ___, ...content } = manifest;
  return content;
}

/** The draft that would be published as this manifest. */
export function draftOf(manifest: Manifest): Draft {
  const { pipelines, ...fields } = contentOfManifest(manifest) as Record<string, unknown> & Pick<Manifest, "pipelines">;
  const { processors, outputs, batch_size, ...pipeline } = activePipeline({ ...manifest, pipelines });
  const kept = { manifest: fields, pipeline, pipelines: pipelines.slice(1) };
  const empty = canonical(kept) === canonical({ manifest: {}, pipeline: { name: "default_pipeline" }, pipelines: [] });
  return { rules: processors, outputs: withIds(outputs), batch_size, ...(!empty && { kept }) };
}

/** Whether publishing the draft would publish what the manifest says already. */
export function isPublished(draft: Draft, published: Manifest | undefined): boolean {
  return published !== undefined && canonical(contentOf(draft)) === canonical(contentOfManifest(published));
}
