/** A data plane that says what it runs, and goes back from what does harm: every manifest on its way into it passes here. */

import type { PlaneReporter } from "../bus/bus.ts";
import { OwnReport } from "../bus/own_report.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { AutoRevert } from "../data/revert/auto_revert.ts";
import type { DataPlane } from "../data/worker/data_plane.ts";
import { type Manifest, readManifest } from "../manifest/manifest.ts";
import { planeId } from "../persistence/plane_id.ts";
import type { Settings } from "../settings/settings.ts";
import { log } from "../telemetry/process_log.ts";

/** Of a manifest that is refused anybody may have written anything as its version. */
const versionShownMax = 64;

export interface ReportingParts {
  readonly settings: Settings;
  readonly plane: DataPlane;
  readonly kind: EngineKind;
  /** The data plane's own. */
  readonly directory: string;
  readonly reporter: PlaneReporter;
}

export interface RunOptions {
  /** Throws when it may not run, whatever is in it. */
  readonly admit?: (raw: unknown) => void;
  /** Called when it runs, before that is reported. */
  readonly keep?: () => Promise<void>;
}

export class ReportingPlane {
  readonly #plane: DataPlane;
  readonly #kind: EngineKind;
  readonly #own: OwnReport;
  readonly #revert: AutoRevert;

  private constructor({ plane, kind }: ReportingParts, own: OwnReport, revert: AutoRevert) {
    this.#plane = plane;
    this.#kind = kind;
    this.#own = own;
    this.#revert = revert;
  }

  /** @throws StreamGateError SG_DATA_DIR, SG_STATE_DAMAGED */
  static async open(parts: ReportingParts): Promise<ReportingPlane> {
    const { settings, plane, kind, directory, reporter } = parts;
    const id = await planeId(directory, settings.planeId);
    const own = new OwnReport({ id, engine: kind.description, workers: plane.workers }, reporter);
    const check = (pattern: string) => kind.checkPattern(pattern);
    const revert = await AutoRevert.open({ plane, check, settings, directory, log, tell: own });
    plane.revert = revert;
    return new ReportingPlane(parts, own, revert);
  }

  /**
   * Reads a manifest and runs it: resolves when every worker does. What comes of it is reported either way.
   * @throws StreamGateError as `admit`, `readManifest` and `DataPlane.apply`; what ran before runs on
   */
  run(raw: unknown, { admit = () => {}, keep }: RunOptions = {}): Promise<Manifest> {
    return this.#own.applying(raw, async () => {
      const { manifest, warnings } = this.#read(raw, admit);
      for (const warning of warnings) log.warn(`manifest: ${warning}`);
      await this.#revert.apply(manifest);
      // It runs all the same: that it would not be there after a restart is for people.
      await keep?.().catch((error: Error) => log.error(`the manifest that runs cannot be kept: ${error.message}`));
      return manifest;
    });
  }

  /** What came was no manifest at all. */
  async unreadable(error: Error): Promise<void> {
    this.#plane.refused(undefined, error);
    await this.#own.applying(undefined, () => Promise.reject(error)).catch(() => {});
  }

  /** From now on it goes back from nothing. */
  close(): Promise<void> {
    return this.#revert.close();
  }

  #read(raw: unknown, admit: (raw: unknown) => void): ReturnType<typeof readManifest> {
    try {
      admit(raw);
      return readManifest(raw, (pattern) => this.#kind.checkPattern(pattern));
    } catch (error) {
      const version = (raw as { version?: unknown } | null)?.version;
      this.#plane.refused(typeof version === "string" ? version.slice(0, versionShownMax) : undefined, error as Error);
      throw error;
    }
  }
}
