/** The data planes that report: which of them run what is published, and the wait for them. */

import type { PlaneReports } from "../bus/bus.ts";
import type { PlaneReport } from "../bus/plane_report.ts";

/** Where it stands after a wait. */
export interface Applied {
  readonly status: "applied" | "pending" | "refused";
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  readonly refused: readonly { readonly plane: string; readonly what: string }[];
  /** Data planes that were notified and do not report: of an earlier version. */
  readonly silent: number;
}

export interface ShownPlane extends PlaneReport {
  /** applied: it runs what is published. refused: it was given that, and did not take it. behind: it runs another version. */
  readonly state: "applied" | "refused" | "behind";
}

/** Notices may be lost, and one that was killed says nothing: look again. */
const lookAgainMs = 500;

export class Planes {
  readonly #reports: PlaneReports;

  constructor(reports: PlaneReports) {
    this.#reports = reports;
  }

  /** @param published the version that is; absent: none @throws StreamGateError SG_BUS_AWAY */
  async list(published: string | undefined): Promise<readonly ShownPlane[]> {
    const reports = await this.#reports.list();
    return reports
      .map((report) => ({ ...report, state: stateOf(report, published) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Calls `onChange` when one may have said something new. @returns ends it */
  watch(onChange: () => void): () => void {
    return this.#reports.watch(onChange);
  }

  /**
   * Waits until each data plane that lives has said what became of a version. It is published already: a bus that is away meanwhile
   * makes it pending, no error.
   * @param notified how many were told of it
   */
  async wait(version: string, notified: number, waitMs: number): Promise<Applied> {
    const deadline = performance.now() + waitMs;
    let changed = () => {};
    let reports: readonly PlaneReport[] | undefined;
    const unwatch = this.#reports.watch(() => changed());
    try {
      for (;;) {
        const change = new Promise<void>((resolve) => {
          changed = resolve;
        });
        const now = await this.#reports.list().catch(() => undefined);
        reports = now ?? reports;
        const applied = standing(reports ?? [], version, notified);
        const left = deadline - performance.now();
        if (left <= 0) return now === undefined ? { ...applied, status: "pending" } : applied;
        if (now !== undefined && applied.pending.length === 0) return applied;
        await soon(change, Math.min(lookAgainMs, left));
      }
    } finally {
      unwatch();
    }
  }
}

function standing(reports: readonly PlaneReport[], version: string, notified: number): Applied {
  const applied: string[] = [];
  const pending: string[] = [];
  const refused: { plane: string; what: string }[] = [];
  for (const report of reports.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const { id } = report;
    const state = stateOf(report, version);
    if (state === "applied" || isLater(report.running, version)) applied.push(id);
    else if (state === "refused") refused.push({ plane: id, what: report.refused!.what });
    else pending.push(id);
  }
  const status = refused.length > 0 ? "refused" : pending.length > 0 ? "pending" : "applied";
  return { status, applied, pending, refused, silent: Math.max(0, notified - reports.length) };
}

function stateOf({ running, refused }: PlaneReport, version: string | undefined): ShownPlane["state"] {
  if (version !== undefined && refused?.version === version) return "refused";
  return running === (version ?? "0") ? "applied" : "behind";
}

/** Of a burst a plane may be given the last only. */
function isLater(running: string | undefined, version: string): boolean {
  return running !== undefined && /^\d+$/.test(running) && Number(running) > Number(version);
}

/** Resolves with `change`, or after `ms`. */
function soon(change: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void change.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
