/**
 * The main thread's end of the quarantine: makes its key, looks at what a start finds, lets old records go, and does what commands ask.
 *
 * Workers append to segments of their own; what rewrites segments is here alone, after every worker has let go of the one it wrote to.
 */

import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { removeLeftovers } from "../../persistence/durable_file.ts";
import { type Log, RateLimit } from "../../telemetry/log.ts";
import { QuarantineAccount, type QuarantineHeld } from "./account.ts";
import type { GroupMeta } from "./format.ts";
import { openKeys, type QuarantineKeys } from "./key.ts";
import { cutUnfinished, removeGroups } from "./removal.ts";
import { answer, type QuarantineAnswer, type QuarantineRequest, removeAnswers, requestsIn } from "./request.ts";
import { type FoundGroup, type FoundSegment, scanQuarantine } from "./scan.ts";
import { type QuarantinePlace, quarantineDirectory } from "./store.ts";

const lookMs = 1000;
const expireLookMs = 60_000;
const complaintPeriodMs = 10_000;

/** A group to be released, opened. */
export interface OpenedGroup {
  readonly entries: Buffer;
  readonly meta: GroupMeta;
  readonly firstMs: number;
}

/** What the keeper asks of the data plane. */
export interface KeeperSite {
  /** Every worker closes the segment that it writes to. */
  rotate(): Promise<void>;
  /** Ids of the protect rules that run; undefined: no manifest that somebody published runs. */
  protecting(): ReadonlySet<string> | undefined;
  /**
   * Runs a group's records through the rules that run now and hands on what survives.
   * @returns records that were withheld again and are in the quarantine anew, or why nothing of the group was handed on
   */
  release(group: OpenedGroup): Promise<{ readonly withheldAgain: number } | { readonly why: string }>;
}

export interface KeeperOptions {
  /** The data directory: writable, and locked by this process. */
  readonly root: string;
  readonly bytesMax: number;
  /** 0: never. */
  readonly ageMsMax: number;
  readonly log: Log;
}

/** Of `GET /status`. */
export interface QuarantineStatus extends QuarantineHeld {
  readonly released: number;
  readonly purged: number;
  readonly expired: number;
  readonly damaged: number;
}

export class QuarantineKeeper {
  readonly #options: KeeperOptions;
  readonly #directory: string;
  readonly #keys: QuarantineKeys;
  readonly #account = new QuarantineAccount();
  readonly #complaints = new RateLimit(complaintPeriodMs);
  /** Records, since the start; `damaged`: groups, or what was one. */
  readonly #gone = { released: 0, purged: 0, expired: 0, damaged: 0 };
  #site: KeeperSite | undefined;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #expireAtMs = 0;
  #closed = false;

  private constructor(options: KeeperOptions, keys: QuarantineKeys) {
    this.#options = options;
    this.#directory = join(options.root, quarantineDirectory);
    this.#keys = keys;
  }

  /** @throws StreamGateError SG_QUARANTINE_KEY */
  static async open(options: KeeperOptions): Promise<QuarantineKeeper> {
    const keeper = new QuarantineKeeper(options, await openKeys(options.root));
    await keeper.#look().catch((error: NodeJS.ErrnoException) => keeper.#complain("read", error));
    return keeper;
  }

  /** For workers. */
  get place(): QuarantinePlace {
    const { memory } = this.#account;
    return { directory: this.#directory, key: this.#keys.current, account: memory, bytesMax: this.#options.bytesMax };
  }

  get status(): QuarantineStatus {
    return { ...this.#account.held, ...this.#gone };
  }

  /** A manifest runs: from now on it does what commands ask, once a second, and lets old groups go. */
  start(site: KeeperSite): void {
    if (this.#site !== undefined) return;
    this.#site = site;
    this.#timer = setInterval(() => {
      this.#working ??= this.#turn(site)
        .catch((error: NodeJS.ErrnoException) => this.#complain("keep", error))
        .finally(() => {
          this.#working = undefined;
        });
    }, lookMs).unref();
  }

  /** What was asked and not begun is the next run's. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#working;
  }

  /** What a start finds: counts it, cuts off what a killed process did not finish, and says what nobody can read. */
  async #look(): Promise<void> {
    await removeLeftovers(this.#directory);
    await removeAnswers(this.#directory);
    let unfinished = 0;
    let unreadable = 0;
    for await (const segment of scanQuarantine(this.#directory)) {
      const cut = await cutUnfinished(segment);
      if (cut > 0) unfinished++;
      const groups = segment.found.filter((one) => one.kind === "group");
      this.#gone.damaged += segment.found.length - groups.length;
      unreadable += groups.filter(({ keyId }) => !this.#keys.all.some(({ id }) => id === keyId)).length;
      this.#account.found({
        groups: groups.length,
        records: groups.reduce((sum, { group }) => sum + group.records, 0),
        recordBytes: groups.reduce((sum, { group }) => sum + group.recordBytes, 0),
        diskBytes: segment.bytes - cut,
      });
    }
    const { log } = this.#options;
    if (unfinished > 0)
      log.warn({ groups: unfinished }, "the quarantine has groups that a killed process did not finish: they are gone");
    const damaged = this.#gone.damaged - unfinished;
    if (damaged > 0) log.error({ damages: damaged }, "the quarantine has damaged groups: see streamgate quarantine ls");
    if (unreadable > 0)
      log.error(
        { groups: unreadable },
        "the quarantine has groups that no key of quarantine.key opens: bring the file back from a backup, or purge them",
      );
  }

  async #turn(site: KeeperSite): Promise<void> {
    for (const { name, request } of await requestsIn(this.#directory)) {
      if (this.#closed) return;
      if (request === undefined) {
        await rm(join(this.#directory, `${name}.request`), { force: true });
        continue;
      }
      await answer(this.#directory, name, await this.#do(request, site));
    }
    const { ageMsMax } = this.#options;
    if (ageMsMax === 0 || Date.now() < this.#expireAtMs) return;
    this.#expireAtMs = Date.now() + expireLookMs;
    await this.#expire(Date.now() - ageMsMax, site);
  }

  async #do(request: QuarantineRequest, site: KeeperSite): Promise<QuarantineAnswer> {
    const wanted = new Set(request.groups);
    const done: string[] = [];
    const left: { id: string; why: string }[] = [];
    let withheldAgain = 0;
    await site.rotate();
    // What is withheld again while this goes on is in newer segments, and no group of this request.
    for await (const segment of scanQuarantine(this.#directory)) {
      const here = new Set<string>();
      // A segment's name stands for all that is in it, damaged or not.
      const name = basename(segment.path);
      const whole = request.do === "purge" && wanted.has(name);
      for (const one of segment.found) {
        if (one.kind !== "group" || !(whole || wanted.has(one.id))) continue;
        const result = request.do === "purge" ? { withheldAgain: 0 } : await this.#release(one, request, site);
        if ("why" in result) left.push({ id: one.id, why: result.why });
        else {
          here.add(one.id);
          withheldAgain += result.withheldAgain;
        }
      }
      if (here.size === 0 && !whole) continue;
      // Killed before this, what was released is released again: at least once, as everything that leaves.
      const gone = await removeGroups(segment, (id) => here.has(id));
      this.#account.removed(gone);
      this.#gone[request.do === "purge" ? "purged" : "released"] += gone.records;
      done.push(...here, ...(whole ? [name] : []));
    }
    for (const id of wanted)
      if (!done.includes(id) && !left.some((one) => one.id === id)) left.push({ id, why: "there is no such group" });
    return { done, withheldAgain, left };
  }

  async #release(found: FoundGroup, { withoutRule = false }: QuarantineRequest, site: KeeperSite) {
    if (this.#closed) return { why: "the instance ends" };
    const protecting = site.protecting();
    if (protecting === undefined) return { why: "no published manifest runs: there is no rule that it could pass" };
    const { meta, firstMs } = found.group;
    const missing = meta.rules.filter((rule) => !protecting.has(rule));
    if (missing.length > 0 && !withoutRule)
      return { why: `rule ${missing.join(", ")} does not run: nothing would hold what it was to protect` };
    const entries = found.open(this.#keys);
    if (entries === "no_key") return { why: "no key of quarantine.key opens it" };
    if (entries === "changed") return { why: "it was changed since it was written, so it is not believed" };
    try {
      return await site.release({ entries, meta, firstMs });
    } catch (error) {
      return { why: (error as Error).message };
    } finally {
      entries.fill(0);
    }
  }

  async #expire(beforeMs: number, site: KeeperSite): Promise<void> {
    const isOld = (one: FoundSegment["found"][number]) => one.kind === "group" && one.group.lastMs < beforeMs;
    let any = false;
    for await (const { found } of scanQuarantine(this.#directory)) any ||= found.some(isOld);
    if (!any) return;
    await site.rotate();
    for await (const segment of scanQuarantine(this.#directory)) {
      const old = new Set(segment.found.filter(isOld).map((one) => (one as FoundGroup).id));
      if (old.size === 0) continue;
      const gone = await removeGroups(segment, (id) => old.has(id));
      this.#account.removed(gone);
      this.#gone.expired += gone.records;
      this.#options.log.warn(
        { records: gone.records },
        "records left the quarantine unreleased: they were older than QUARANTINE_MAX_DAYS",
      );
    }
  }

  #complain(what: string, error: NodeJS.ErrnoException): void {
    if (this.#complaints.pass(what) === undefined) return;
    this.#options.log.error({ code: error.code ?? error.name }, `cannot ${what} the quarantine: ${error.message}`);
  }
}
