/**
 * A summary: the record that a rule makes in place of those that it cut. Twin of `native/reduce/summary.h`, which draws both forms;
 * `docs/reducing.md` tells users.
 */

import { reduceTextBytesMax } from "../../../../plan/operations.ts";
import type { Scratch } from "../match/replace.ts";
import { JsonMemberFinder } from "./json_member.ts";

const member = Buffer.from("streamgate");
const memberText = Buffer.from(',"streamgate":');
/** 9999-12-31T23:59:59.999Z */
const timeMax = 253_402_300_799_999;
const tooLong = `records of more than ${reduceTextBytesMax} bytes`;

export interface Summary {
  readonly records: number;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export class SummaryWriter {
  readonly #type: "dedupe" | "throttle";
  readonly #label: string;
  readonly #finder = new JsonMemberFinder();

  /** @param label the rule's id as the inside of a JSON string */
  constructor(type: "dedupe" | "throttle", label: string) {
    this.#type = type;
    this.#label = label;
  }

  /** @param text of the first record that was cut, or what stands for it */
  write(text: Buffer, summary: Summary, out: Scratch): void {
    out.clear();
    const append = (piece: string | Buffer) => {
      const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
      out.append(bytes, 0, bytes.length);
    };
    if (this.#finder.find(text, 0, text.length, member)) {
      const { from, to, close, empty } = this.#finder;
      const there = to >= 0;
      append(text.subarray(0, there ? from : close));
      if (!there) append(empty ? memberText.subarray(1) : memberText);
      append(this.#object(summary));
      append(text.subarray(there ? to : close));
      return;
    }
    append(text);
    const { records, bytes, firstMs, lastMs } = summary;
    const what = this.#type === "dedupe" ? "repeated" : "throttled";
    append(` (${what} ${records} times from ${time(firstMs)} to ${time(lastMs)}, ${bytes} bytes, rule ${this.#label})`);
  }

  #object({ records, bytes, firstMs, lastMs }: Summary): string {
    const times = `"first":"${time(firstMs)}","last":"${time(lastMs)}"`;
    return `{"rule":"${this.#label}","type":"${this.#type}","count":${records},"bytes":${bytes},${times}}`;
  }
}

/** What stands for a text that was too long to keep. @param isObject it began like a JSON object */
export function longText(isObject: boolean): Buffer {
  return Buffer.from(isObject ? `{"message":"${tooLong}"}` : tooLong);
}

/** RFC 3339, UTC, milliseconds. A time outside the years 1970 to 9999 is written as the next within. */
export function time(ms: number): string {
  return new Date(ms > 0 ? Math.min(ms, timeMax) : 0).toISOString();
}
