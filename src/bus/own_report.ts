/** A data plane's report of itself: kept up to date by whoever applies manifests, and handed to the bus whenever it changes. */

import { StreamGateError } from "../errors.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { isRecord } from "../schema.ts";
import { version as program } from "../version.ts";
import type { PlaneReporter } from "./bus.ts";
import { alertsMax, type PlaneReport, type Reverted, shortened } from "./plane_report.ts";

export interface PlaneIdentity {
  readonly id: string;
  readonly engine: string;
  readonly workers: number;
}

export class OwnReport {
  readonly #reporter: PlaneReporter;
  #report: PlaneReport;

  constructor({ id, engine, workers }: PlaneIdentity, reporter: PlaneReporter) {
    this.#reporter = reporter;
    const now = new Date().toISOString();
    this.#report = { id, program, engine, workers, started_at: now, reported_at: now };
  }

  get current(): PlaneReport {
    return this.#report;
  }

  /** Applies a manifest, and reports what came of it. @param raw as it came: what cannot be read may say its version all the same */
  async applying(raw: unknown, apply: () => Promise<Manifest>): Promise<Manifest> {
    const began = performance.now();
    try {
      const manifest = await apply();
      const { version, timestamp } = manifest;
      const now = Date.now();
      const published = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
      const { refused: _, ...rest } = this.#report;
      this.#tell({
        ...rest,
        running: shortened(version),
        applied_at: new Date(now).toISOString(),
        took_ms: Math.round(performance.now() - began),
        ...(Number.isFinite(published) && { lag_ms: Math.max(0, now - published) }),
      });
      return manifest;
    } catch (error) {
      const version = isRecord(raw) && ["string", "number"].includes(typeof raw.version) ? String(raw.version) : "";
      const code = error instanceof StreamGateError ? { code: error.code } : {};
      const what = shortened((error as Error).message);
      this.#tell({
        ...this.#report,
        refused: { version: version.slice(0, 200), ...code, what, at: new Date().toISOString() },
      });
      throw error;
    }
  }

  /** It went back, or runs again what was published. */
  reverted(reverted: Reverted | undefined): void {
    const { reverted: _, ...rest } = this.#report;
    this.#tell({ ...rest, ...(reverted !== undefined && { reverted: { ...reverted, why: shortened(reverted.why) } }) });
  }

  alert(version: string, what: string): void {
    const alert = { at: new Date().toISOString(), version: version.slice(0, 200), what: shortened(what) };
    this.#tell({ ...this.#report, alerts: [...(this.#report.alerts ?? []), alert].slice(-alertsMax) });
  }

  #tell(report: PlaneReport): void {
    this.#report = { ...report, reported_at: new Date().toISOString() };
    this.#reporter.report(this.#report);
  }
}
