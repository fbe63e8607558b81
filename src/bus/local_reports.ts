/** Reports within one process: those of its one data plane. */

import type { PlaneReporter, PlaneReports } from "./bus.ts";
import type { PlaneReport } from "./plane_report.ts";

export class LocalReports implements PlaneReporter, PlaneReports {
  readonly #watchers = new Set<() => void>();
  #report: PlaneReport | undefined;

  report(report: PlaneReport): void {
    this.#report = report;
    for (const watcher of this.#watchers) watcher();
  }

  async list(): Promise<readonly PlaneReport[]> {
    return this.#report === undefined ? [] : [this.#report];
  }

  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  async close(): Promise<void> {
    this.#watchers.clear();
  }
}
