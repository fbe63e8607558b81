/**
 * Goes back by itself from a version that does harm: runs its protect rules and routes with the reduce rules, and if they are to blame the
 * outputs, of the version before (`src/manifest/reverted.ts`), and says so.
 *
 * After a reload it looks at the account every `windowMs / 60` and compares with what happened while the version before ran
 * (`judgement.ts`). What it finds in `looksMin` looks in a row counts. A version is settled when its window has passed. One that follows
 * before that is compared with the last settled one, if enough was seen of that: a bad version must not become the measure of the next.
 *
 *     reverted.json    {"identity":"…","reverted":{"version":"7","to":"6",…},"manifest":{…}}
 *
 * is kept in the data directory until another version comes, so that a restart does not bring the bad one back.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Reverted } from "../../bus/plane_report.ts";
import { canonical } from "../../manifest/canonical.ts";
import { activePipeline, type Manifest, type PatternChecker, readManifest } from "../../manifest/manifest.ts";
import { changedOutputs, changedReduceRules, reverted, stayingRules } from "../../manifest/reverted.ts";
import { weakenings } from "../../manifest/weakened.ts";
import { parseState, readDurable, removeDurably, writeDurably } from "../../persistence/durable_file.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Snapshot } from "../ledger/snapshot.ts";
import { type Change, type Finding, judge, type Limits } from "./judgement.ts";
import { between, type Sample, sampleOf } from "./sample.ts";

/** So often in a row something must be found. */
const looksMin = 3;
/** What is compared with is at most so many windows long: traffic of yesterday is another. */
const windowsBefore = 10;
const samplesBefore = 120;

export interface RevertParts {
  readonly plane: { apply(manifest: Manifest): Promise<void>; snapshot(): Snapshot };
  readonly check: PatternChecker;
  readonly settings: Pick<Settings, "revert" | "revertWindowMs" | "revertVolume" | "revertErrors" | "revertRecords">;
  /** The data plane's own. */
  readonly directory: string;
  readonly log: Log;
  /** Tells the control plane. */
  readonly tell: { reverted(reverted: Reverted | undefined): void; alert(version: string, what: string): void };
}

/** As `GET /status` says it. */
export interface RevertStatus {
  readonly state: "off" | "watching" | "settled" | "reverted";
  /** Of watching: with what it is compared, and until when. */
  readonly compared_with?: string;
  readonly until?: string;
  /** Of reverted. */
  readonly reverted?: Reverted;
  /** Since the start of the process. */
  readonly reverts: number;
  readonly alerts: number;
  readonly last_alert?: { readonly at: string; readonly version: string; readonly what: string };
}

/** What ran before, and what happened meanwhile. */
interface Base {
  readonly manifest: Manifest;
  readonly before: Sample;
}

interface Watching {
  readonly manifest: Manifest;
  readonly base: Base;
  readonly change: Change;
  readonly start: Sample;
  readonly startMs: number;
  readonly untilMs: number;
  /** By what was found, how often in a row. */
  readonly found: Map<string, number>;
  readonly alerted: Set<string>;
}

interface Kept {
  readonly identity: string;
  readonly reverted: Reverted;
  readonly manifest: Manifest;
}

export class AutoRevert {
  readonly #parts: RevertParts;
  readonly #path: string;
  readonly #limits: Limits;
  #kept: Kept | undefined;
  #running: Manifest | undefined;
  #watching: Watching | undefined;
  /** Of the settled version, oldest first. */
  #samples: Sample[] = [];
  #reverts = 0;
  #alerts = 0;
  #lastAlert: RevertStatus["last_alert"];
  #turn: Promise<unknown> = Promise.resolve();
  readonly #timers: NodeJS.Timeout[] = [];
  #looking = false;

  private constructor(parts: RevertParts, kept: Kept | undefined) {
    const { revertWindowMs, revertVolume, revertErrors, revertRecords, revert } = parts.settings;
    this.#parts = parts;
    this.#path = join(parts.directory, "reverted.json");
    this.#kept = kept;
    this.#limits = { volume: revertVolume, errors: revertErrors, records: revertRecords, windowMs: revertWindowMs };
    if (revert === "off") return;
    const everyMs = (ms: number, run: () => void) => this.#timers.push(setInterval(run, ms).unref());
    everyMs(Math.max(50, revertWindowMs / 60), () => this.#look());
    everyMs((revertWindowMs * windowsBefore) / samplesBefore, () => this.#sample());
  }

  /** @throws StreamGateError SG_STATE_DAMAGED, SG_DATA_DIR */
  static async open(parts: RevertParts): Promise<AutoRevert> {
    const path = join(parts.directory, "reverted.json");
    const text = await readDurable(path);
    return new AutoRevert(parts, text === undefined ? undefined : (parseState(path, text) as Kept));
  }

  /**
   * Runs a manifest as `DataPlane.apply` does, and looks what comes of it. One that it has gone back from runs as it ran then.
   * @throws as `DataPlane.apply`: nothing has changed then
   */
  apply(manifest: Manifest): Promise<void> {
    return this.#inTurn(() => this.#apply(manifest));
  }

  get status(): RevertStatus {
    const watching = this.#watching;
    const state = this.#isOff ? "off" : this.#isReverted ? "reverted" : watching === undefined ? "settled" : "watching";
    return {
      state,
      ...(watching !== undefined && {
        compared_with: watching.base.manifest.version,
        until: new Date(watching.untilMs).toISOString(),
      }),
      ...(state === "reverted" && { reverted: this.#kept!.reverted }),
      reverts: this.#reverts,
      alerts: this.#alerts,
      ...(this.#lastAlert !== undefined && { last_alert: this.#lastAlert }),
    };
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#watching = undefined;
    await this.#turn;
  }

  get #isOff(): boolean {
    return this.#parts.settings.revert === "off";
  }

  /** Whether what runs is what it went back to. */
  get #isReverted(): boolean {
    return this.#kept !== undefined && this.#running === this.#kept.manifest;
  }

  async #apply(manifest: Manifest): Promise<void> {
    const { plane, tell, log } = this.#parts;
    if (this.#isOff) {
      await plane.apply(manifest);
      return;
    }
    if (this.#kept?.identity === identityOf(manifest)) {
      await plane.apply(this.#kept.manifest);
      this.#begin(this.#kept.manifest);
      const { version, to, why } = this.#kept.reverted;
      log.warn(`version ${version} runs with the reduce rules of version ${to}, as before the restart: ${why}`);
      tell.reverted(this.#kept.reverted);
      return;
    }
    const before = sampleOf(plane.snapshot());
    await plane.apply(manifest);
    const wasReverted = this.#kept !== undefined;
    this.#kept = undefined;
    const base = this.#baseOf(before);
    const ran = this.#running;
    this.#begin(manifest);
    if (base !== undefined) this.#watch(manifest, base, ran);
    if (!wasReverted) return;
    tell.reverted(undefined);
    await removeDurably(this.#path);
  }

  /** What the next version is compared with: the last one that is settled, and what happened while it ran. */
  #baseOf(now: Sample): Base | undefined {
    const watched = this.#watching?.base;
    // One of which too little was seen measures nothing: then the version that runs does.
    if (watched !== undefined && watched.before.received >= this.#limits.records) return watched;
    const [oldest] = this.#samples;
    if (this.#running === undefined || oldest === undefined) return undefined;
    return { manifest: this.#running, before: between(oldest, now) };
  }

  #begin(manifest: Manifest): void {
    this.#running = manifest;
    this.#watching = undefined;
    this.#samples = [sampleOf(this.#parts.plane.snapshot())];
  }

  /** @param ran what ran last: the base's manifest, or one that was not settled */
  #watch(manifest: Manifest, base: Base, ran: Manifest | undefined): void {
    const { volume = true, errors = true } = manifest.revert ?? {};
    if (!volume && !errors) return;
    const change = changeOf(base.manifest, manifest, ran);
    if (change.reduce.size === 0 && change.outputs.size === 0 && !change.staysChanged) return;
    const startMs = Date.now();
    this.#watching = {
      ...{ manifest, base, change, startMs, start: this.#samples[0]!, untilMs: startMs + this.#limits.windowMs },
      ...{ found: new Map(), alerted: new Set() },
    };
  }

  #sample(): void {
    if (this.#running === undefined || this.#watching !== undefined) return;
    this.#samples.push(sampleOf(this.#parts.plane.snapshot()));
    if (this.#samples.length > samplesBefore) this.#samples.shift();
  }

  #look(): void {
    const watching = this.#watching;
    if (watching === undefined || this.#looking) return;
    this.#looking = true;
    this.#inTurn(async () => {
      // A version that came meanwhile has its own watch.
      if (this.#watching === watching) await this.#judge(watching);
    })
      .catch((error: Error) => this.#alert(watching.manifest.version, `going back failed: ${error.message}`))
      .finally(() => {
        this.#looking = false;
      });
  }

  async #judge(watching: Watching): Promise<void> {
    const { manifest, base, change, start, startMs, untilMs, found, alerted } = watching;
    const nowMs = Date.now();
    const since = between(start, sampleOf(this.#parts.plane.snapshot()));
    const findings = judge({
      ...{ before: base.before, since, sinceMs: nowMs - startMs, change, word: manifest.revert ?? {} },
      limits: this.#limits,
    });
    const keys = new Map(findings.map((finding) => [`${finding.kind} ${finding.revert} ${finding.outputs}`, finding]));
    for (const key of found.keys()) if (!keys.has(key)) found.delete(key);
    for (const [key, finding] of keys) {
      const looks = (found.get(key) ?? 0) + 1;
      found.set(key, looks);
      if (looks < looksMin || alerted.has(key)) continue;
      if (!finding.revert)
        this.#alert(manifest.version, `${finding.what}; rules that protect and routes are not taken back`);
      else if (await this.#goBack(watching, finding)) return;
      alerted.add(key);
    }
    if (nowMs >= untilMs) this.#watching = undefined;
  }

  /** @returns whether it did; when it cannot, an alert says why */
  async #goBack({ manifest, base }: Watching, finding: Finding): Promise<boolean> {
    const { plane, check, log, tell } = this.#parts;
    const why = finding.what;
    const cannot = (reason: string) => {
      this.#alert(manifest.version, `${why}; not gone back: ${reason}`);
      return false;
    };
    const went = reverted(base.manifest, manifest, { outputs: finding.outputs });
    if (finding.outputs && !went.changed.outputs)
      return cannot(
        "the version before protects in a way that this one does not, so its outputs would get more than either sent them",
      );
    if (!went.changed.rules && !went.changed.outputs) return cannot("there is nothing to go back to");
    const read = tryRead(went.manifest, check);
    if (typeof read === "string") return cannot(read);
    // What `reverted` promises, once more: nothing may leave because of a mistake here.
    if (protectsLess(manifest, read)) return cannot("it would protect less");
    const at = new Date().toISOString();
    const { version } = manifest;
    const told = { version, to: base.manifest.version, at, why, outputs: went.changed.outputs };
    const kept = { identity: identityOf(manifest), reverted: told, manifest: read };
    // First, so that a kill in between does not bring the bad version back.
    await writeDurably(this.#path, `${JSON.stringify(kept)}\n`);
    try {
      await plane.apply(read);
    } catch (error) {
      await removeDurably(this.#path);
      return cannot((error as Error).message);
    }
    this.#kept = kept;
    this.#reverts++;
    this.#begin(read);
    const what = told.outputs ? "reduce rules and outputs" : "reduce rules";
    log.error(
      `version ${version} does harm: ${why}. Gone back to the ${what} of version ${told.to}; protect rules and routes of version ${version} stay. Mend it and publish again, or roll back.`,
    );
    tell.reverted(told);
    return true;
  }

  #alert(version: string, what: string): void {
    this.#alerts++;
    this.#lastAlert = { at: new Date().toISOString(), version, what };
    this.#parts.log.error(`version ${version}: ${what}`);
    this.#parts.tell.alert(version, what);
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(step);
    this.#turn = result.catch(() => {});
    return result;
  }
}

function changeOf(before: Manifest, after: Manifest, ran: Manifest | undefined): Change {
  const stays = stayingRules(after);
  const staying = (manifest: Manifest) => {
    const ids = stayingRules(manifest);
    return canonical(activePipeline(manifest).processors.filter(({ id }) => ids.has(id)));
  };
  return {
    reduce: changedReduceRules(before, after, ran),
    stays,
    staysChanged: staying(before) !== staying(after),
    outputs: changedOutputs(before, after),
  };
}

function tryRead(manifest: Manifest, check: PatternChecker): Manifest | string {
  try {
    return readManifest(manifest, check).manifest;
  } catch (error) {
    return (error as Error).message;
  }
}

function protectsLess(before: Manifest, after: Manifest): boolean {
  return weakenings(activePipeline(before).processors, activePipeline(after).processors).length > 0;
}

function identityOf(manifest: Manifest): string {
  return createHash("sha256").update(canonical(manifest)).digest("hex");
}
