/** Opens what a sender keeps on disk: its spool with the lanes that it adopts, and its dead letters. */

import { join } from "node:path";
import type { DeliveryFields } from "../../outputs/delivery_fields.ts";
import type { EngineKind } from "../engine/engine.ts";
import { DeadLetters } from "./dead_letters.ts";
import type { Sender } from "./sender.ts";
import { type LanePlace, laneAhead, lanesToAdopt, ownLane, removeLane } from "./spool/lanes.ts";
import { openLane } from "./spool/open.ts";
import type { Replay } from "./spool/replay.ts";
import type { Lane, LaneAmount, LaneLoss, LaneOptions } from "./spool/spool.ts";
import { type LaneAhead, LaneReader, SpoolQueue, type SpoolSite } from "./spool/spool_queue.ts";

/** How often new lanes to adopt are looked for: dead letters that somebody wants tried again. */
const adoptMs = 2000;
/** In front of each record in a segment. */
const lengthBytes = 4;

export interface DiskPlace {
  /** The data directory: writable, and locked by this process. */
  readonly dataDir: string;
  readonly worker: number;
  readonly workers: number;
}

type QueueFields = DeliveryFields["queue"];

/** What a sender is told that does not exist yet when its lanes are opened. */
type SpoolOwner = Pick<
  Sender,
  "lost" | "recovered" | "replayed" | "spoolRefused" | "spoolChanged" | "deadLettersLost" | "complain"
>;

export class SenderSpool {
  readonly queue: SpoolQueue;
  readonly deadLetters: DeadLetters;
  readonly #kind: EngineKind;
  readonly #place: LanePlace;
  #fields: QueueFields;
  readonly #site: SpoolSite;
  #owner: SpoolOwner | undefined;
  /** What lanes told before there was anybody to tell. */
  #early: ((owner: SpoolOwner) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  private constructor(id: string, kind: EngineKind, disk: DiskPlace, fields: QueueFields, replay: Replay, own: Lane) {
    this.#kind = kind;
    this.#fields = fields;
    this.#place = { directory: join(disk.dataDir, "spool", id), worker: disk.worker, workers: disk.workers };
    this.#site = {
      outputId: id,
      replay,
      // A lane has at least four segments, and gives up whole ones.
      groupBytesMax: () => Math.max(64 * 1024, Math.floor(this.#fields.spoolBytesMax / 16)),
      openAhead: (lost) => this.#openAhead(lost),
      changed: () => this.#tell((owner) => owner.spoolChanged()),
      refused: (code) => this.#tell((owner) => owner.spoolRefused(code)),
      lost: (cause, amount) => this.#tell((owner) => owner.lost(lossCell[cause], amount)),
      tooLarge: (amount) => this.#tell((owner) => owner.lost("lostSpoolFull", amount)),
      replayed: (withheld) => this.#tell((owner) => owner.replayed(withheld)),
    };
    this.queue = new SpoolQueue(new LaneReader(own, ownLane(this.#place), this.#site), this.#site);
    const letters = { ...this.#place, directory: join(disk.dataDir, "dead_letters", id) };
    this.deadLetters = new DeadLetters({
      open: (lost) =>
        openLane(kind.name)(letterOptions(letters, this.#fields), {
          lost: (_cause, amount) => lost(amount),
          changed: () => {},
        }),
      gaveUp: (amount) => this.#tell((owner) => owner.deadLettersLost(amount)),
      refused: (code) =>
        this.#tell((owner) =>
          owner.complain("spool", { code }, "cannot keep dead letters: they are lost{dead_letter}"),
        ),
    });
  }

  /** @throws StreamGateError SG_SPOOL, SG_SPOOL_VERSION */
  static async open(
    id: string,
    kind: EngineKind,
    disk: DiskPlace,
    fields: QueueFields,
    replay: Replay,
  ): Promise<SenderSpool> {
    const place = { directory: join(disk.dataDir, "spool", id), worker: disk.worker, workers: disk.workers };
    const damaged: LaneAmount = { records: 0, bytes: 0 };
    let spool: SenderSpool | undefined;
    const events = {
      lost: (cause: LaneLoss, amount: LaneAmount) => {
        if (spool !== undefined) return spool.#lose(spool.queue.own, cause, amount);
        damaged.records += amount.records;
        damaged.bytes += amount.bytes;
      },
      changed: () => {
        if (spool !== undefined) spool.#site.changed();
      },
    };
    const own = await openLane(kind.name)(laneOptions(place, ownLane(place), fields), events);
    spool = new SenderSpool(id, kind, disk, fields, replay, own);
    spool.#found(own, damaged);
    await spool.#adopt();
    return spool;
  }

  /** From now on this sender is told; first of what happened before. */
  belongsTo(owner: SpoolOwner): void {
    this.#owner = owner;
    for (const tell of this.#early.splice(0)) tell(owner);
  }

  /** The manifest that it was opened for runs: what is on disk may leave. Also after `stopAdopting`: it adopts again. */
  start(): void {
    this.queue.start();
    this.#closed = false;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.#adopt(), adoptMs).unref();
  }

  /** Room, ages and flushing as another configuration has them. */
  configure(fields: QueueFields): void {
    this.#fields = fields;
    for (const { lane, name } of [this.queue.own, ...this.queue.adopted])
      lane.configure(laneOptions(this.#place, name, fields));
    this.deadLetters.configure(letterOptions(this.#place, fields));
  }

  /** What is in the directory from now on is left to the next run. */
  stopAdopting(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  async close(): Promise<void> {
    this.stopAdopting();
    await this.deadLetters.close();
    await this.queue.close();
  }

  /** Its room is what all other lanes, and what is still to be written to the own one, leave. */
  async #openAhead(lost: (cause: LaneLoss, amount: LaneAmount) => void): Promise<LaneAhead> {
    const { own, adopted, stagedRecords, stagedBytes } = this.queue;
    const taken = [own, ...adopted].reduce((sum, { lane }) => sum + lane.state.diskBytes, 0);
    const bytesMax = Math.max(0, this.#fields.spoolBytesMax - taken - stagedBytes - stagedRecords * lengthBytes);
    const name = laneAhead(this.#place);
    const options = { ...laneOptions(this.#place, name, this.#fields), bytesMax };
    const lane = await openLane(this.#kind.name)(options, { lost, changed: () => {} });
    return { lane, remove: () => removeLane(this.#place, name) };
  }

  #tell(what: (owner: SpoolOwner) => void): void {
    if (this.#owner === undefined) this.#early.push(what);
    else what(this.#owner);
  }

  /** What was damaged before anybody counted it counts as recovered and lost at once. */
  #found({ state: { held } }: Lane, damaged: LaneAmount): void {
    const amount = { records: held.records + damaged.records, bytes: held.bytes + damaged.bytes };
    if (amount.records === 0 && amount.bytes === 0) return;
    this.#tell((owner) => {
      owner.recovered(amount);
      if (damaged.records > 0 || damaged.bytes > 0) owner.lost("lostSpoolDamaged", damaged);
    });
  }

  #lose(reader: LaneReader, cause: LaneLoss, amount: LaneAmount): void {
    reader.lost(amount);
    this.#site.lost(cause, amount);
  }

  async #adopt(): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    try {
      for (const { lane, name } of this.queue.takeDrained()) {
        await lane.close();
        await removeLane(this.#place, name);
      }
      const served = new Set(this.queue.adopted.map(({ name }) => name));
      for (const name of await lanesToAdopt(this.#place)) if (!served.has(name)) await this.#adoptOne(name);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
      this.#tell((owner) => owner.complain("spool", { code }, "cannot adopt a lane of its spool"));
    } finally {
      this.#looking = false;
    }
  }

  async #adoptOne(name: string): Promise<void> {
    const damaged: LaneAmount = { records: 0, bytes: 0 };
    let reader: LaneReader | undefined;
    const lane = await openLane(this.#kind.name)(laneOptions(this.#place, name, this.#fields), {
      lost: (cause, amount) => {
        if (reader !== undefined) return this.#lose(reader, cause, amount);
        damaged.records += amount.records;
        damaged.bytes += amount.bytes;
      },
      changed: () => this.#site.changed(),
    });
    if (this.#closed) return lane.close();
    this.#found(lane, damaged);
    reader = new LaneReader(lane, name, this.#site);
    this.queue.adopt(reader);
  }
}

const lossCell = {
  spoolFull: "lostSpoolFull",
  spoolExpired: "lostSpoolExpired",
  spoolDamaged: "lostSpoolDamaged",
} as const;

function letterOptions(place: LanePlace, fields: QueueFields): LaneOptions {
  return { ...laneOptions(place, ownLane(place), fields), bytesMax: fields.deadLetterBytesMax, ageMsMax: 0 };
}

function laneOptions({ directory }: LanePlace, lane: string, fields: QueueFields): LaneOptions {
  return {
    directory: join(directory, lane),
    fsync: fields.fsync,
    fsyncIntervalMs: fields.fsyncIntervalMs,
    segmentBytesMax: fields.segmentBytes,
    bytesMax: fields.spoolBytesMax,
    ageMsMax: Number.isFinite(fields.spoolAgeMsMax) ? fields.spoolAgeMsMax : 0,
  };
}
