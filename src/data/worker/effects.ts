/** What workers counted of rules in shadow, as one account a rule. */

import type { EffectAmount, LiveEffect } from "../../plan/live.ts";
import { effectExamplesMax, effectServicesMax } from "../engine/layout.ts";
import type { WorkerEffect } from "./messages.ts";

interface Service {
  readonly name: string;
  records: number;
  bytes: number;
}

/** @returns one effect a rule, rules in the order in which they are met */
export function togetherByRule(effects: readonly WorkerEffect[]): readonly LiveEffect[] {
  const byRule = new Map<string, WorkerEffect[]>();
  for (const effect of effects) byRule.set(effect.rule, [...(byRule.get(effect.rule) ?? []), effect]);
  return [...byRule].map(([rule, parts]) => ({ rule, ...together(parts) }));
}

function together(parts: readonly WorkerEffect[]): Omit<LiveEffect, "rule"> {
  const services = new Map<string, Service>();
  const others = { records: 0, bytes: 0 };
  for (const part of parts) {
    for (const { name, records, bytes } of part.services)
      add(serviceOf(services, Buffer.from(name).toString("utf8")), { records, bytes });
    add(others, part.others);
  }
  const ordered = [...services.values()].toSorted((a, b) => b.records - a.records);
  for (const service of ordered.slice(effectServicesMax)) add(others, service);
  return {
    sinceMs: Math.min(...parts.map(({ sinceMs }) => sinceMs)),
    bySeverity: parts[0]!.records.map((_, level) => ({
      records: sum(parts, ({ records }) => records[level]!),
      bytes: sum(parts, ({ bytes }) => bytes[level]!),
    })),
    savedBytes: sum(parts, ({ savedBytes }) => savedBytes),
    services: ordered.slice(0, effectServicesMax),
    otherServices: others,
    examples: inTurn(parts.map(({ examples }) => examples)).slice(0, effectExamplesMax),
  };
}

function serviceOf(services: Map<string, Service>, name: string): Service {
  const found = services.get(name);
  if (found !== undefined) return found;
  const service = { name, records: 0, bytes: 0 };
  services.set(name, service);
  return service;
}

function add(to: { records: number; bytes: number }, { records, bytes }: EffectAmount): void {
  to.records += records;
  to.bytes += bytes;
}

function sum(parts: readonly WorkerEffect[], of: (part: WorkerEffect) => number): number {
  return parts.reduce((total, part) => total + of(part), 0);
}

/** The first of each list, then the second of each … */
function inTurn<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}
