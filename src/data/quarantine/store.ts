/**
 * A worker's end of the quarantine: seals what its engines withhold and appends it to a segment of its own.
 *
 * Writes are synchronous, so that whether a record is kept or lost is known before the ledger is published; they go to the system's cache,
 * which `kill -9` takes nothing from, and reach the disk within a second, as a spool's with `fsync: interval` do. When there is no room, or the
 * disk refuses, the records are lost{quarantine_full}: nothing that a protect rule could not finish ever leaves.
 */

import { randomBytes } from "node:crypto";
import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { syncDirectory } from "../../persistence/durable_file.ts";
import { type Log, RateLimit } from "../../telemetry/log.ts";
import { readWithheld, renumberRule } from "../engine/withheld.ts";
import { QuarantineAccount } from "./account.ts";
import {
  causeName,
  encodeMeta,
  encodeSegmentHeader,
  type GroupMeta,
  groupBytes,
  type Held,
  sealGroup,
  segmentHeader,
  segmentKey,
  segmentName,
} from "./format.ts";
import type { QuarantineKey } from "./key.ts";

export const quarantineDirectory = "quarantine";
const syncMs = 1000;
const complaintPeriodMs = 10_000;
/** A segment is rewritten when one of its groups goes, so it is no larger than what is written in a moment. */
const segmentBytesMax = 16 * 1024 * 1024;

/** What a worker is told of the quarantine when it is made. */
export interface QuarantinePlace {
  /** `<data>/quarantine` */
  readonly directory: string;
  readonly key: QuarantineKey;
  /** Of a `QuarantineAccount`. */
  readonly account: SharedArrayBuffer;
  /** Of all segments of all workers. */
  readonly bytesMax: number;
}

/** What an engine withheld in one go. */
export interface WithheldGroup {
  /** As they lie in a `Withheld`; their rules' numbers are those of `rules`. Changed, and done with afterwards. */
  readonly entries: Buffer;
  /** Of the plan that ran. */
  readonly rules: readonly { readonly id: string }[];
  /** For entries that do not know their time. */
  readonly timeMs: number;
  /** Withheld from this output alone, by its spool. */
  readonly output?: string;
  /** There is room: these records are in the quarantine already, and what holds them now goes when they are written again. */
  readonly again?: boolean;
}

export interface PutResult {
  readonly kept: boolean;
  /** By cause (a `quarantineCause`). */
  readonly amounts: ReadonlyMap<number, { records: number; bytes: number }>;
}

/** Who is handed what engines withhold: `QuarantineStore`. */
export interface Quarantine {
  /** Seals and writes one group. Never throws: what cannot be kept is lost, and the log is told. */
  put(group: WithheldGroup): PutResult;
}

interface Segment {
  readonly fd: number;
  readonly path: string;
  readonly header: Buffer;
  readonly key: Buffer;
  bytes: number;
  /** Of the next group. */
  number: number;
}

export class QuarantineStore implements Quarantine {
  readonly #place: QuarantinePlace | undefined;
  readonly #account: QuarantineAccount | undefined;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #complaints = new RateLimit(complaintPeriodMs);
  #segment: Segment | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param place absent: there is no directory to write to, and all that is withheld is lost */
  constructor(place: QuarantinePlace | undefined, log: Log, now: () => number = Date.now) {
    this.#place = place;
    this.#account = place && new QuarantineAccount(place.account);
    this.#log = log;
    this.#now = now;
  }

  put(group: WithheldGroup): PutResult {
    const { meta, amounts, records, recordBytes, firstMs, lastMs } = describe(group);
    const fields = { records, recordBytes, firstMs, lastMs, meta };
    return { kept: this.#keep(group, fields), amounts };
  }

  /** No group is appended to what there is now: whoever wants to rewrite it may. */
  rotate(): void {
    const segment = this.#segment;
    this.#segment = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (segment === undefined) return;
    try {
      fdatasyncSync(segment.fd);
    } catch (error) {
      this.#complain("flush", error);
    }
    closeSync(segment.fd);
  }

  #keep(group: WithheldGroup, fields: Omit<Parameters<typeof sealGroup>[2], "number">): boolean {
    const place = this.#place;
    const account = this.#account;
    if (place === undefined || account === undefined) return this.#lost(fields.records, "there is no data directory");
    const meta = encodeMeta(fields.meta);
    const size = groupBytes(meta, group.entries.length);
    if ((this.#segment?.bytes ?? 0) + size > segmentBytesMax) this.rotate();
    const fresh = this.#segment === undefined;
    const needed = size + (fresh ? segmentHeader.bytes : 0);
    if (!account.reserve(needed, group.again === true ? Number.MAX_SAFE_INTEGER : place.bytesMax))
      return this.#lost(fields.records, `it is full (QUARANTINE_MAX_BYTES, ${place.bytesMax})`);
    try {
      this.#segment ??= this.#begin(place);
      const segment = this.#segment;
      const sealed = sealGroup(
        segment.header,
        segment.key,
        { ...fields, number: segment.number++ },
        meta,
        group.entries,
      );
      try {
        writeWhole(segment.fd, sealed, segment.bytes);
      } catch (error) {
        ftruncateSync(segment.fd, segment.bytes);
        throw error;
      }
      segment.bytes += sealed.length;
    } catch (error) {
      account.giveBack(needed);
      this.#abandon(fresh);
      return this.#lost(fields.records, (error as NodeJS.ErrnoException).code ?? (error as Error).message);
    }
    account.written({ groups: 1, records: fields.records, recordBytes: fields.recordBytes });
    this.#timer ??= setTimeout(() => this.#sync(), syncMs).unref();
    return true;
  }

  #begin({ directory, key }: QuarantinePlace): Segment {
    const fields = { keyId: key.id, createdMs: this.#now(), salt: randomBytes(32) };
    const header = encodeSegmentHeader(fields);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, segmentName(fields));
    const fd = openSync(path, "wx", 0o600);
    const segment = { fd, path, header, key: segmentKey(key.bytes, fields.salt), bytes: header.length, number: 0 };
    this.#segment = segment;
    writeWhole(fd, header, 0);
    // The names too; a disk that refuses is heard of with the next write.
    for (const above of [directory, dirname(directory)]) syncDirectory(above).catch(() => {});
    return segment;
  }

  /** A segment that was not written as it should is left alone; of a fresh one nothing is left. */
  #abandon(fresh: boolean): void {
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment === undefined) return;
    try {
      closeSync(segment.fd);
      if (fresh) rmSync(segment.path, { force: true });
    } catch {
      // The disk refuses: what the next start finds it counts.
    }
  }

  #sync(): void {
    this.#timer = undefined;
    const segment = this.#segment;
    if (segment === undefined) return;
    fdatasync(segment.fd, (error) => {
      // Closed meanwhile, which has flushed it.
      if (error !== null && this.#segment === segment) this.#complain("flush", error);
    });
  }

  #lost(records: number, why: string): boolean {
    const heldBack = this.#complaints.pass("lost");
    if (heldBack !== undefined)
      this.#log.error(
        { records, heldBack },
        `the quarantine cannot take records that a protect rule could not finish: ${why}. They are lost{quarantine_full} and never sent`,
      );
    return false;
  }

  #complain(what: string, error: unknown): void {
    if (this.#complaints.pass(what) === undefined) return;
    const code = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
    this.#log.error({ code }, `the quarantine cannot ${what} a segment: a power cut may take its last groups`);
  }
}

function writeWhole(fd: number, bytes: Buffer, offset: number): void {
  for (let at = 0; at < bytes.length; ) {
    const written = writeSync(fd, bytes, at, bytes.length - at, offset + at);
    if (written === 0) throw Object.assign(new Error("nothing could be written"), { code: "EIO" });
    at += written;
  }
}

/** What a group's header says; its entries get the numbers of its own list of rules. */
function describe({ entries, rules, timeMs, output }: WithheldGroup) {
  const numbers = new Map<number, number>();
  const ids: string[] = [];
  const held = new Map<string, Held>();
  const amounts = new Map<number, { records: number; bytes: number }>();
  let records = 0;
  let recordBytes = 0;
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = 0;
  for (const { at, rule, cause, receivedAtMs, record } of readWithheld(entries)) {
    let number = numbers.get(rule);
    if (number === undefined) {
      number = ids.length;
      numbers.set(rule, number);
      ids.push(rules[rule]?.id ?? "?");
    }
    renumberRule(entries, at, number);
    const bytes = record.length;
    const key = `${number} ${cause}`;
    const one = held.get(key) ?? { rule: number, cause: causeName(cause), records: 0, bytes: 0 };
    held.set(key, one);
    const amount = amounts.get(cause) ?? { records: 0, bytes: 0 };
    amounts.set(cause, amount);
    for (const sum of [one, amount]) {
      sum.records++;
      sum.bytes += bytes;
    }
    records++;
    recordBytes += bytes;
    const receivedMs = receivedAtMs > 0 ? receivedAtMs : timeMs;
    firstMs = Math.min(firstMs, receivedMs);
    lastMs = Math.max(lastMs, receivedMs);
  }
  const meta: GroupMeta = { rules: ids, held: [...held.values()], ...(output !== undefined && { output }) };
  return { meta, amounts, records, recordBytes, firstMs, lastMs };
}
