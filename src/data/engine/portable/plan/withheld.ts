/** Takes records that a protect rule could not finish, for the quarantine: as received, each behind an entry (`layout.ts`). */

import { withheldBytes, withheldEntry, withheldHeader } from "../../layout.ts";
import type { Withheld } from "../../withheld.ts";
import type { RecordContext } from "./record_context.ts";

const bytesAt = withheldHeader.offsets.bytes / 4;
const recordsAt = withheldHeader.offsets.records / 4;
const needBytesAt = withheldHeader.offsets.needBytes / 4;
const at = withheldEntry.offsets;

export class WithheldWriter {
  #withheld: Withheld | undefined;

  /** Until then records are counted and kept nowhere. */
  attach(withheld: Withheld): void {
    this.#withheld = withheld;
  }

  /** @returns false when there is no room, and the header says what is needed; nothing was written then */
  append(source: Buffer, start: number, end: number, rule: number, cause: number, context: RecordContext): boolean {
    if (this.#withheld === undefined) return true;
    const { words, data, bytes, bytesMax } = this.#withheld;
    const need = withheldBytes(end - start);
    if (need > bytesMax - bytes) {
      words[needBytesAt] = need;
      return false;
    }
    const { address } = context;
    data.fill(0, bytes, bytes + need);
    data.writeDoubleLE(context.receivedAtMs, bytes + at.receivedAtMs);
    data.set(address, bytes + at.address);
    data.writeUInt32LE(end - start, bytes + at.length);
    data.writeUInt32LE(rule, bytes + at.rule);
    data.writeUInt8(context.transport, bytes + at.transport);
    data.writeUInt8(address.length === 4 ? 4 : address.length === 16 ? 6 : 0, bytes + at.family);
    data.writeUInt8(cause, bytes + at.cause);
    source.copy(data, bytes + withheldEntry.bytes, start, end);
    words[bytesAt] = bytes + need;
    words[recordsAt]!++;
    return true;
  }
}
