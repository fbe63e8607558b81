/**
 * What a plan may know of a record beside its bytes: the same for all records of a chunk or block. Twin of
 * `native/plan/record_context.h`.
 */

import { addressBytes } from "../../../../address.ts";
import type { Source } from "../../../frame/source.ts";
import { transport } from "../../../ring/layout.ts";

const nowhere = new Uint8Array(0);

export class RecordContext {
  /** A `transport`. */
  transport: number = transport.unknown;
  receivedAtMs = 0;
  /** The peer's address, 4 or 16 bytes in network order; empty: unknown, or several. */
  address: Uint8Array = nowhere;
  /** Of which `address` is. */
  #source: Source | undefined;

  /** A stream's records. The address is read from its text when the source changes. */
  ofStream(source: Source, receivedAtMs: number): this {
    if (source !== this.#source) {
      this.#source = source;
      this.transport = transport[source.transport];
      this.address = (source.address === undefined ? undefined : addressBytes(source.address)) ?? nowhere;
    }
    this.receivedAtMs = receivedAtMs;
    return this;
  }

  /** Of records that the engine makes itself. */
  ofNobody(receivedAtMs: number): this {
    return this.ofBlock(transport.unknown, nowhere, receivedAtMs);
  }

  /** A block's. */
  ofBlock(transport: number, address: Uint8Array, receivedAtMs: number): this {
    this.#source = undefined;
    this.transport = transport;
    this.address = address;
    this.receivedAtMs = receivedAtMs;
    return this;
  }
}
