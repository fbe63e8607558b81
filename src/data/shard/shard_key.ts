/**
 * The key by which a record is sharded, and the worker that owns it. Twin of `native/shard/shard_key.h`; `docs/sharding.md`
 * says what users see.
 */

import { addressBytes } from "../../address.ts";
import { attributeOperator } from "../../plan/operations.ts";
import { encodeSyslogField } from "../../plan/syslog_field.ts";
import { encodedAttributePaths } from "../../rules/attribute_filter.ts";
import type { ShardBy } from "../../settings/shard_by.ts";
import { shardKeyKind } from "../engine/layout.ts";
import { type AttributeFilter, attributeFilter } from "../engine/portable/attribute/attribute_filter.ts";
import { SyslogFieldReader } from "../engine/portable/syslog/field.ts";
import { SyslogMessage } from "../engine/portable/syslog/message.ts";
import type { Source } from "../frame/source.ts";
import { ShardHash } from "./hash.ts";

/** What to shard by, as plain data for any thread and either engine. */
export interface ShardKey {
  /** A `shardKeyKind`. */
  readonly kind: number;
  /**
   * Where the attribute may lie, first to last, encoded as for a dropAttribute operation; of `syslog` one, the field as
   * `encodeSyslogField` writes it; of `source` none.
   */
  readonly paths: readonly Uint8Array[];
}

/** @returns undefined when records stay where they are received */
export function shardKey(shardBy: ShardBy): ShardKey | undefined {
  switch (shardBy.key) {
    case "none":
      return undefined;
    case "source":
      return { kind: shardKeyKind.source, paths: [] };
    case "attribute":
      return { kind: shardKeyKind.attribute, paths: encodedAttributePaths(shardBy.attribute, shardBy.path) };
    case "syslog":
      return { kind: shardKeyKind.syslog, paths: [encodeSyslogField(shardBy.field)] };
  }
}

/** Finds the owners of records, one after the other. */
export class ShardOwners {
  readonly #kind: number;
  readonly #workers: number;
  readonly #attribute: AttributeFilter | undefined;
  readonly #field: SyslogFieldReader | undefined;
  readonly #syslog = new SyslogMessage();
  readonly #hash = new ShardHash();
  /** The last source's owner: most records in a row come from one. */
  #address: string | undefined;
  #sourceOwner = -1;

  constructor({ kind, paths }: ShardKey, workers: number) {
    this.#kind = kind;
    this.#workers = workers;
    // Only found, never compared: operator and value say nothing.
    const args = [Uint8Array.of(attributeOperator.equals), new Uint8Array(0), ...paths];
    if (kind === shardKeyKind.syslog) this.#field = new SyslogFieldReader(paths[0]!);
    if (kind === shardKeyKind.attribute) this.#attribute = attributeFilter({ args }, () => () => false);
  }

  /** @returns the worker that owns the record `bytes[start, end)`; by its source's address where it has no key */
  owner(bytes: Uint8Array, start: number, end: number, source: Source): number {
    switch (this.#kind) {
      case shardKeyKind.attribute: {
        const text = this.#attribute!.find(bytes, start, end);
        if (text !== undefined) return this.#ownerOf(text, 0, text.length);
        break;
      }
      case shardKeyKind.syslog: {
        this.#syslog.read(bytes, start, end);
        const text = this.#field!.text(bytes, this.#syslog);
        if (text !== undefined) return this.#ownerOf(text, 0, text.length);
        break;
      }
    }
    if (this.#sourceOwner < 0 || this.#address !== source.address) {
      const address = source.address === undefined ? undefined : addressBytes(source.address);
      this.#sourceOwner = this.#ownerOf(address ?? new Uint8Array(0), 0, address?.length ?? 0);
      this.#address = source.address;
    }
    return this.#sourceOwner;
  }

  #ownerOf(bytes: Uint8Array, start: number, end: number): number {
    this.#hash.take(bytes, start, end);
    return this.#hash.owner(this.#workers);
  }
}
