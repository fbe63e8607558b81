/** A data plane that says what it runs: every manifest on its way into it passes here. */

import type { PlaneReporter } from "../bus/bus.ts";
import { OwnReport } from "../bus/own_report.ts";
import type { EngineKind } from "../data/engine/engine.ts";
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

export class ReportingPlane {
  readonly #plane: DataPlane;
  readonly #kind: EngineKind;
  readonly #own: OwnReport;

  private constructor({ plane, kind }: ReportingParts, own: OwnReport) {
    this.#plane = plane;
    this.#kind = kind;
    this.#own = own;
  }

  /** @throws StreamGateError SG_DATA_DIR, SG_STATE_DAMAGED */
  static async open(parts: ReportingParts): Promise<ReportingPlane> {
    const { settings, plane, kind, directory, reporter } = parts;
    const id = await planeId(directory, settings.planeId);
    const own = new OwnReport({ id, engine: kind.description, workers: plane.workers }, reporter);
    return new ReportingPlane(parts, own);
  }

  /**
   * Reads a manifest and runs it: resolves when every worker does. What comes of it is reported either way.
   * @param admit throws when it may not run, whatever is in it
   * @throws StreamGateError as `admit`, `readManifest` and `DataPlane.apply`; what ran before runs on
   */
  run(raw: unknown, admit: (raw: unknown) => void = () => {}): Promise<Manifest> {
    return this.#own.applying(raw, async () => {
      const { manifest, warnings } = this.#read(raw, admit);
      for (const warning of warnings) log.warn(`manifest: ${warning}`);
      await this.#plane.apply(manifest);
      return manifest;
    });
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
