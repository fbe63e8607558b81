/**
 * Reports of data planes that are signed on their way through Redis, where MANIFEST_KEY is set. The control plane takes no other, none that lies
 * under another plane's id, none that its plane said before the newest one, and none that was not said again for a while.
 *
 * So whoever may write to Redis can make a plane look gone, which nothing can prevent, and not make it say what it does not.
 */

import { isSigned, type ManifestKeys, withSignature } from "../manifest/signature.ts";
import { RateLimit } from "../telemetry/log.ts";
import type { BusLog } from "./bus.ts";
import { manifestKeys } from "./manifest_keys.ts";
import { type PlaneReport, readReport, withoutSignature } from "./plane_report.ts";

/** No other use of the same key signs this. */
const purpose = "streamgate plane report 1\n";
/** Planes whose newest report is remembered. */
const planesMax = 2000;
/** A report that is the same for longer was put there by somebody else: its plane says it anew every ten seconds. */
const staleMs = 60_000;
const complaintMs = 60_000;

interface Newest {
  readonly reportedAt: string;
  /** Since when it is known here, milliseconds of a clock that only goes forward. */
  readonly sinceMs: number;
}

export class SignedReports {
  readonly #setting: string;
  readonly #nowMs: () => number;
  /** As they were read last: while their file cannot be read, these go on. */
  #keys: ManifestKeys;
  readonly #newest = new Map<string, Newest>();
  readonly #complaints = new RateLimit(complaintMs);

  /**
   * @param setting the value of MANIFEST_KEY
   * @throws StreamGateError SG_MANIFEST_KEY
   */
  constructor(setting: string, nowMs: () => number = () => performance.now()) {
    this.#setting = setting;
    this.#nowMs = nowMs;
    this.#keys = manifestKeys(setting);
  }

  /** @returns the report as JSON with its signature */
  sign(report: PlaneReport): string {
    // As whoever reads it will have it: without what JSON leaves out.
    return JSON.stringify(withSignature(purpose, JSON.parse(JSON.stringify(report)), this.#current()));
  }

  /**
   * @param found what lies in Redis, and the id that it lies under
   * @param log told once a minute of what is not taken
   */
  admit(found: readonly { readonly id: string; readonly text: string }[], log: BusLog): readonly PlaneReport[] {
    const keys = this.#current();
    const refused: string[] = [];
    const older: string[] = [];
    const reports = found.flatMap(({ id, text }) => {
      const report = readReport(text);
      if (report === undefined) return [];
      if (report.id !== id || !isSigned(purpose, report, keys)) {
        refused.push(id);
        return [];
      }
      const newest = this.#newest.get(id)?.reportedAt;
      if (newest !== undefined && report.reported_at < newest) older.push(id);
      return this.#isNew(report) ? [withoutSignature(report)] : [];
    });
    if (refused.length > 0 && this.#complaints.pass("unsigned") !== undefined)
      log.warn(
        `${refused.length} reports of data planes are not taken, as they are not signed with MANIFEST_KEY; one is under the id ${JSON.stringify(refused[0])}: give every plane the same key, or find out who writes to Redis`,
      );
    // A plane whose clock went back while it did not run cannot be told from an old report that somebody put there again.
    if (older.length > 0 && this.#complaints.pass("older") !== undefined)
      log.warn(
        `${older.length} reports of data planes are not taken, as the same plane has said a later one; one is under the id ${JSON.stringify(older[0])}: if its clock was set back, restart the control plane; else find out who writes to Redis`,
      );
    return reports;
  }

  #isNew({ id, reported_at: reportedAt }: PlaneReport): boolean {
    const newest = this.#newest.get(id);
    const nowMs = this.#nowMs();
    // Times are ISO 8601 in UTC, all of one length: their order is that of their texts.
    if (newest !== undefined && reportedAt < newest.reportedAt) return false;
    if (newest?.reportedAt === reportedAt) return nowMs - newest.sinceMs <= staleMs;
    this.#newest.delete(id);
    this.#newest.set(id, { reportedAt, sinceMs: nowMs });
    if (this.#newest.size > planesMax) this.#newest.delete(this.#newest.keys().next().value!);
    return true;
  }

  #current(): ManifestKeys {
    try {
      this.#keys = manifestKeys(this.#setting);
    } catch {
      // Manifests, which cannot do without, say so.
    }
    return this.#keys;
  }
}
