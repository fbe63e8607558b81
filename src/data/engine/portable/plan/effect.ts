/**
 * What rules in shadow would have done: counts by severity and by service, and a few of the records. Twin of `native/plan/effect.h`, which
 * says how examples are drawn.
 */

import { severity } from "../../../../plan/operations.ts";
import { ShardHash } from "../../../shard/hash.ts";
import type { RuleEffect } from "../../engine.ts";
import { effectExampleBytesMax, effectExamplesMax, effectServicesMax } from "../../layout.ts";
import type { AttributeFilter } from "../attribute/attribute_filter.ts";
import { SyslogMessage } from "../syslog/message.ts";

/** A name that is longer is none: a service has a short one. */
const serviceBytesMax = 256;
const severities = Object.keys(severity).length;

interface Service {
  readonly name: Buffer;
  records: number;
  bytes: number;
}

class Effect {
  readonly records = new Array<number>(severities).fill(0);
  readonly bytes = new Array<number>(severities).fill(0);
  savedBytes = 0;
  hits = 0;
  /** By name, each byte as one character. */
  readonly services = new Map<string, Service>();
  readonly others: Service = { name: Buffer.alloc(0), records: 0, bytes: 0 };
  readonly examples: Buffer[] = [];
  readonly #state: bigint;
  readonly #hash = new ShardHash();
  readonly #drawn = Buffer.alloc(16);

  constructor(state: bigint) {
    this.#state = state;
  }

  book(level: number, text: Buffer, name: Uint8Array): void {
    this.hits++;
    this.records[level]! += 1;
    this.bytes[level]! += text.length;
    const service = this.#place(name);
    service.records++;
    service.bytes += text.length;
    this.#keep(text);
  }

  #place(name: Uint8Array): Service {
    const key = Buffer.from(name).toString("latin1");
    const found = this.services.get(key);
    if (found !== undefined) return found;
    if (this.services.size === effectServicesMax) return this.others;
    const service = { name: Buffer.from(name), records: 0, bytes: 0 };
    this.services.set(key, service);
    return service;
  }

  #keep(text: Buffer): void {
    let place = this.examples.length;
    if (place === effectExamplesMax) {
      this.#drawn.writeBigUInt64LE(this.#state, 0);
      this.#drawn.writeBigUInt64LE(BigInt(this.hits), 8);
      this.#hash.take(this.#drawn, 0, 16);
      const drawn = this.#hash.value % BigInt(this.hits);
      if (drawn >= BigInt(effectExamplesMax)) return;
      place = Number(drawn);
    }
    this.examples[place] = Buffer.from(text.subarray(0, effectExampleBytesMax));
  }
}

export class EffectBook {
  #states: readonly bigint[] = [];
  #effects: (Effect | undefined)[] = [];

  /** Makes room for rules in shadow, and keeps what others with the same state have counted. Both have an entry a rule. */
  use(states: readonly bigint[], shadows: readonly boolean[]): void {
    this.#effects = states.map((state, rule) => {
      const same = state === 0n ? -1 : this.#states.indexOf(state);
      const kept = same < 0 ? undefined : this.#effects[same];
      // Two rules with one state: the first has it.
      if (same >= 0) this.#effects[same] = undefined;
      return kept ?? (shadows[rule] ? new Effect(state) : undefined);
    });
    this.#states = states;
  }

  /**
   * One hit of a record that is settled.
   * @param level a `severity`
   * @param acts false: the rule would have let it go on with its weight, so it only becomes longer
   * @param text the record as received
   * @param service finds a JSON record's; undefined: there is none
   */
  book(
    rule: number,
    level: number,
    savedBytes: number,
    acts: boolean,
    text: Buffer,
    service: AttributeFilter | undefined,
  ): void {
    const effect = this.#effects[rule]!;
    effect.savedBytes += savedBytes;
    if (acts) effect.book(level, text, serviceOf(text, service));
  }

  list(): RuleEffect[] {
    return this.#effects.flatMap((effect, rule) =>
      effect === undefined
        ? []
        : [
            {
              rule,
              records: [...effect.records],
              bytes: [...effect.bytes],
              savedBytes: effect.savedBytes,
              services: [...effect.services.values()].map((service) => ({ ...service })),
              others: { ...effect.others },
              examples: effect.examples.map((example) => Buffer.from(example)),
            },
          ],
    );
  }
}

const nameless = new Uint8Array(0);
const syslog = new SyslogMessage();

function serviceOf(text: Buffer, service: AttributeFilter | undefined): Uint8Array {
  const name = service?.find(text, 0, text.length) ?? appOf(text);
  return name.length > serviceBytesMax ? nameless : name;
}

function appOf(text: Buffer): Uint8Array {
  syslog.read(text, 0, text.length);
  const { start, end } = syslog.app;
  return start === -1 ? nameless : text.subarray(start, end);
}
