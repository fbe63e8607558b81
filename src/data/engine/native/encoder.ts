/** An encoder in the addon: the envelope handed over once, one call for a range, one for a body. */

import type { Frame, JsonEnvelope } from "../../../outputs/envelope.ts";
import type { Addon, NativeEncoder, NativeFrame } from "../addon.ts";
import type { Batch } from "../batch.ts";
import type { EncodeLimits, Encoder } from "../encoder.ts";
import { frameTime, objectMode } from "../layout.ts";
import { translated } from "./errors.ts";

export class NativeEncoderHandle implements Encoder {
  readonly #handle: NativeEncoder;

  constructor(addon: Addon, envelope: JsonEnvelope) {
    const { before, between, after, string, filled = [], object, countedBesideText } = envelope;
    const members = object?.kind === "merge" ? object.members : [];
    try {
      this.#handle = new addon.Encoder({
        before: Buffer.from(before),
        between: Buffer.from(between),
        after: Buffer.from(after),
        string: handedOver(string),
        objectMode: objectMode[object?.kind ?? "string"],
        object: handedOver(object?.kind === "value" ? object.frame : { before: "", after: "" }),
        members: members.map(({ name, value }) => ({ name: Buffer.from(name), value: Buffer.from(value) })),
        filled: filled.map((part) => ({
          before: Buffer.from(part.before),
          field: part.field,
          otherwise: Buffer.from(part.otherwise),
        })),
        countedBesideText,
      });
    } catch (error) {
      throw translated(error);
    }
  }

  begin({ recordsMax, bytesMax, recordBytesMax }: EncodeLimits): void {
    try {
      this.#handle.begin(recordsMax, bytesMax, recordBytesMax);
    } catch (error) {
      throw translated(error);
    }
  }

  append(batch: Batch, from: number, to: number, timeMs: number): number {
    try {
      return this.#handle.append(batch.memory, from, to, timeMs);
    } catch (error) {
      throw translated(error);
    }
  }

  get stoppedBy(): number {
    try {
      return this.#handle.stoppedBy;
    } catch (error) {
      throw translated(error);
    }
  }

  get records(): number {
    try {
      return this.#handle.records;
    } catch (error) {
      throw translated(error);
    }
  }

  get counted(): number {
    try {
      return this.#handle.counted;
    } catch (error) {
      throw translated(error);
    }
  }

  finish(): Uint8Array {
    try {
      return new Uint8Array(this.#handle.finish());
    } catch (error) {
      throw translated(error);
    }
  }

  close(): void {
    this.#handle.close();
  }
}

function handedOver({ before, time, then, after }: Frame): NativeFrame {
  return {
    before: Buffer.from(before),
    time: frameTime[time ?? "none"],
    behindTime: Buffer.from(time === undefined ? "" : (then ?? "")),
    after: Buffer.from(after),
  };
}
