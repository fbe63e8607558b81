/** What a rule that remembers has in memory, and the summaries that it owes. Twin of `native/reduce/rule_memory.h`, which says when what is asked. */

import type { Scratch } from "../match/replace.ts";
import { firstOf } from "./json_member.ts";
import { KeyTable, none } from "./key_table.ts";
import { longText, SummaryWriter } from "./summary.ts";

const braceOpen = 0x7b;

export abstract class RuleMemory {
  /** Of the hashes that it is asked about. It stays when the plan's changes, or all would look new. */
  readonly seedHigh: number;
  readonly seedLow: number;
  protected readonly table: KeyTable;
  readonly #windowMs: number;
  readonly #writer: SummaryWriter;
  #plan = 0;

  protected constructor(
    type: "dedupe" | "throttle",
    label: string,
    windowMs: number,
    memoryBytes: number,
    seed: bigint,
  ) {
    this.seedHigh = Number(seed >> 32n);
    this.seedLow = Number(seed & 0xffff_ffffn);
    this.#windowMs = windowMs;
    this.table = new KeyTable(memoryBytes);
    this.#writer = new SummaryWriter(type, label);
  }

  /** Whether one more record can be settled. */
  get hasRoom(): boolean {
    return this.table.hasRoom;
  }

  /** What must be told when there is no room, and what is left to be told when the rule ends; `none`: nothing. */
  get oldest(): number {
    return this.table.oldestHeld;
  }

  /** What must be told because its window has ended. Forgets what has nothing to tell. */
  due(nowMs: number): number {
    for (;;) {
      const index = this.table.oldestDue;
      if (index === none) return none;
      // A clock that was set back by more than a window ends it too, or the rule would cut until the clock is back.
      const ageMs = nowMs - this.table.firstMs[index]!;
      if (ageMs < this.#windowMs && ageMs > -this.#windowMs) return none;
      if (this.table.records[index]! > 0) return index;
      this.told(index);
    }
  }

  /** Another plan runs from now on. */
  nextPlan(): void {
    this.#plan++;
  }

  /** The text is from a record that ran under a plan before: rules that protect and have come since have not seen it. */
  isOlderThanPlan(index: number): boolean {
    return this.table.plan[index] !== this.#plan;
  }

  /** The text of an entry that one of these named: of the first record that was cut, or what stands for one that was too long to keep. */
  readText(index: number, out: Scratch): void {
    const { table } = this;
    out.clear();
    if (table.readText(index, out)) return;
    const text = longText(table.isObject[index] === 1);
    out.append(text, 0, text.length);
  }

  /** Makes the entry's summary of its text, as rules have left it. */
  write(index: number, text: Buffer, out: Scratch): void {
    const { records, bytes, firstMs, lastMs } = this.table;
    const summary = {
      records: records[index]!,
      bytes: bytes[index]!,
      firstMs: firstMs[index]!,
      lastMs: lastMs[index]!,
    };
    this.#writer.write(text, summary, out);
  }

  /** The summary is on its way. */
  abstract told(index: number): void;

  /** The record that was asked about last is settled. `cut`: it was dropped here; false in shadow. */
  abstract settle(bytes: Buffer, start: number, end: number, nowMs: number, cut: boolean): void;

  /** A record was cut. */
  protected cut(index: number, bytes: Buffer, start: number, end: number, nowMs: number): void {
    const { table } = this;
    if (table.records[index] === 0) {
      table.hold(index, bytes, start, end);
      table.plan[index] = this.#plan;
      table.isObject[index] = firstOf(bytes, start, end) === braceOpen ? 1 : 0;
    } else {
      table.touch(index);
    }
    table.records[index]!++;
    table.bytes[index]! += end - start;
    table.lastMs[index] = nowMs;
  }
}
