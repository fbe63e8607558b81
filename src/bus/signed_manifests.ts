/**
 * Manifests that are signed on their way through Redis, where MANIFEST_KEY is set: what goes out is signed, and of what comes in only what is
 * signed, unaltered and no older than what came before is let through.
 *
 * Older: by `timestamp`, which the control plane gives each publication and never gives backwards. A rollback is a new publication and passes;
 * a manifest that somebody kept and puts back into Redis does not. Version numbers would not do: a control plane that lost its
 * data directory begins again at 1. The newest time is remembered in memory and, over restarts, by the last good manifest.
 */

import { StreamGateError } from "../errors.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { signedText, signManifest, verifyManifest } from "../manifest/signature.ts";
import { manifestKeys } from "./manifest_keys.ts";

export class SignedManifests {
  readonly #setting: string;
  readonly #alarm: (message: string) => void;
  #newest: { readonly timeMs: number; readonly text: string } | undefined;

  /**
   * @param setting the value of MANIFEST_KEY
   * @param alarm told of each manifest that is refused
   * @throws StreamGateError SG_MANIFEST_KEY
   */
  constructor(setting: string, alarm: (message: string) => void) {
    this.#setting = setting;
    this.#alarm = alarm;
    manifestKeys(this.#setting);
  }

  /** @throws StreamGateError SG_MANIFEST_KEY when the file of keys cannot be read any more */
  sign(manifest: Manifest): object {
    return signManifest(manifest, manifestKeys(this.#setting));
  }

  /** Of one that comes from the bus. @throws StreamGateError SG_MANIFEST_SIGNATURE, SG_MANIFEST_KEY */
  admit(raw: unknown): void {
    try {
      this.#verify(raw);
    } catch (error) {
      this.#alarm(`a manifest is refused, what ran before runs on: ${(error as Error).message}`);
      throw error;
    }
  }

  /**
   * Of the last good one, which was admitted when it came: it sets the time that later ones may not be older than.
   * @throws StreamGateError SG_MANIFEST_SIGNATURE, SG_MANIFEST_KEY
   */
  admitLastGood(raw: unknown): void {
    verifyManifest(raw, manifestKeys(this.#setting));
    const timeMs = timeOf(raw);
    if (this.#newest === undefined || timeMs > this.#newest.timeMs) this.#newest = { timeMs, text: signedText(raw) };
  }

  #verify(raw: unknown): void {
    verifyManifest(raw, manifestKeys(this.#setting));
    const timeMs = timeOf(raw);
    const text = signedText(raw);
    const newest = this.#newest;
    if (newest !== undefined && (timeMs < newest.timeMs || (timeMs === newest.timeMs && text !== newest.text)))
      throw new StreamGateError("SG_MANIFEST_SIGNATURE", {
        where: "the manifest",
        what: `of ${new Date(timeMs).toISOString()} is older than the one of ${new Date(newest.timeMs).toISOString()} that came before`,
        fix: "to go back, roll back at the control plane, which publishes it anew; if nobody put an old one into Redis, set the control plane's clock, or remove last_good.json from the data plane's directory and start it again",
      });
    this.#newest = { timeMs, text };
  }
}

/** Signed by a control plane, so it is one; another program with the key may have left it out. */
function timeOf(raw: Record<string, unknown>): number {
  const timeMs = typeof raw.timestamp === "string" ? Date.parse(raw.timestamp) : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new StreamGateError("SG_MANIFEST_SIGNATURE", {
    where: "the manifest",
    what: "has no timestamp, so nobody can tell whether it is an old one",
    fix: "publish with a control plane of this version",
  });
}
