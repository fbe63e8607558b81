/**
 * The key by which a record is sharded, and the worker that owns it. Twin of `native/shard/shard_key.h`; `docs/sharding.md`
 * says what users see.
 */

import { addressBytes } from "../../address.ts";
import { attributeOperator } from "../../plan/operations.ts";
import { encodedAttributePaths } from "../../rules/attribute_filter.ts";
import type { ShardBy } from "../../settings/shard_by.ts";
import { shardKeyKind } from "../engine/layout.ts";
import { type AttributeFilter, attributeFilter } from "../engine/portable/attribute/attribute_filter.ts";
import type { Source } from "../frame/source.ts";
import { ShardHash } from "./hash.ts";
import { SyslogHeader } from "./syslog_header.ts";

/** What to shard by, as plain data for any thread and either engine. */
export interface ShardKey {
  /** A `shardKeyKind`. */
  readonly kind: number;
  /** Where the attribute may lie, first to last, encoded as for a dropAttribute operation; empty for other kinds. */
  readonly paths: readonly Uint8Array[];
}

const kinds = {
  source: shardKeyKind.source,
  attribute: shardKeyKind.attribute,
  "syslog.host": shardKeyKind.syslogHost,
  "syslog.app": shardKeyKind.syslogApp,
} as const;

/** @returns undefined when records stay where they are received */
export function shardKey(shardBy: ShardBy): ShardKey | undefined {
  if (shardBy.key === "none") return undefined;
  const paths = shardBy.key === "attribute" ? encodedAttributePaths(shardBy.attribute, shardBy.path) : [];
  return { kind: kinds[shardBy.key], paths };
}

/** Finds the owners of records, one after the other. */
export class ShardOwners {
  readonly #kind: number;
  readonly #workers: number;
  readonly #attribute: AttributeFilter | undefined;
  readonly #syslog = new SyslogHeader();
  readonly #hash = new ShardHash();
  /** The last source's owner: most records in a row come from one. */
  #address: string | undefined;
  #sourceOwner = -1;

  constructor({ kind, paths }: ShardKey, workers: number) {
    this.#kind = kind;
    this.#workers = workers;
    // Only found, never compared: operator and value say nothing.
    const args = [Uint8Array.of(attributeOperator.equals), new Uint8Array(0), ...paths];
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
      case shardKeyKind.syslogHost:
      case shardKeyKind.syslogApp: {
        this.#syslog.read(bytes, start, end);
        const field = this.#kind === shardKeyKind.syslogHost ? this.#syslog.host : this.#syslog.app;
        if (field.end > field.start) return this.#ownerOf(bytes, field.start, field.end);
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
