/** Looking back: the versions that are kept, one of them, and what lies between two. */

import { StreamGateError } from "../errors.ts";
import { diffManifests, type ManifestDiff } from "../manifest/diff.ts";
import { activePipeline, type Manifest, maskManifest, passthrough } from "../manifest/manifest.ts";
import { contentOf } from "./draft.ts";
import type { Store } from "./store.ts";
import { type Version, versionsMax } from "./versions.ts";

export interface VersionSummary {
  readonly version: string;
  readonly time: string;
  readonly author?: string;
  readonly address?: string;
  readonly comment?: string;
  readonly rollback_of?: string;
  /**
   * published: data planes were given it. refused: they were not, and why. unconfirmed: the process ended before it knew.
   */
  readonly status: "published" | "refused" | "unconfirmed";
  readonly refused?: { readonly code: string | null; readonly what: string };
  /** Whether it is the one that data planes were given last. */
  readonly current: boolean;
  readonly rules: number;
  readonly outputs: number;
}

export interface ShownVersion extends VersionSummary {
  /** As it may be shown. */
  readonly manifest: Manifest;
}

/** What a diff is from or to: a version's number, or one of these two. */
export type Side = number | "published" | "draft";

export interface Diff extends ManifestDiff {
  readonly from: string;
  readonly to: string;
}

export class History {
  readonly #store: Store;
  /** Summaries of versions do not change, but for how their publication ends. */
  readonly #summaries = new Map<number, VersionSummary>();

  constructor({ store }: { store: Store }) {
    this.#store = store;
  }

  /** Newest first. */
  async list(limit: number = versionsMax): Promise<readonly VersionSummary[]> {
    const numbers = this.#store.versions.numbers;
    for (const number of this.#summaries.keys()) if (!numbers.includes(number)) this.#summaries.delete(number);
    const summaries: VersionSummary[] = [];
    for (const number of numbers.slice(0, limit)) summaries.push(await this.#summary(number));
    return summaries;
  }

  /** @throws StreamGateError SG_VERSION_MISSING */
  async version(number: number): Promise<ShownVersion> {
    const version = await this.#store.versions.read(number);
    return { ...this.#summaryOf(number, version), manifest: maskManifest(version.manifest) };
  }

  /** @throws StreamGateError SG_VERSION_MISSING */
  async diff(from: Side, to: Side): Promise<Diff> {
    const [before, after] = [await this.#manifest(from), await this.#manifest(to)];
    const name = (side: Side) => (side === "published" ? (this.#store.published?.version ?? "0") : String(side));
    return { from: name(from), to: name(to), ...diffManifests(before, after) };
  }

  async #manifest(side: Side): Promise<Manifest> {
    if (side === "published") return this.#store.published ?? passthrough;
    if (side === "draft") return { version: "draft", ...contentOf(this.#store.draft) } as unknown as Manifest;
    return (await this.#store.versions.read(side)).manifest;
  }

  async #summary(number: number): Promise<VersionSummary> {
    const known = this.#summaries.get(number);
    if (known !== undefined) return { ...known, current: this.#isCurrent(number) };
    const summary = this.#summaryOf(number, await this.#store.versions.read(number));
    if (summary.status !== "unconfirmed") this.#summaries.set(number, summary);
    return summary;
  }

  #summaryOf(number: number, { manifest, refused, ...note }: Version): VersionSummary {
    const { processors = [], outputs = [] } = activePipeline(manifest);
    const { published } = this.#store;
    // Whether data planes were given one that is newer than the published one was not known when the process ended, or is not yet.
    const unconfirmed = refused === undefined && number > Number(published?.version ?? 0);
    return {
      version: String(number),
      ...note,
      status: refused !== undefined ? "refused" : unconfirmed ? "unconfirmed" : "published",
      ...(refused !== undefined && { refused }),
      current: this.#isCurrent(number),
      rules: processors.length,
      outputs: outputs.length,
    };
  }

  #isCurrent(number: number): boolean {
    return this.#store.published?.version === String(number);
  }
}

/** @throws StreamGateError SG_VERSION_MISSING for what is neither a number nor a name of one */
export function sideOf(text: string): Side {
  if (text === "published" || text === "draft") return text;
  return versionNumber(text);
}

/** @throws StreamGateError SG_VERSION_MISSING */
export function versionNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new StreamGateError("SG_VERSION_MISSING", {
    where: "version",
    what: `${JSON.stringify(text.slice(0, 100))} is no number of a version`,
    fix: "GET /versions lists them",
  });
}
