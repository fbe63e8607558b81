/** Which output is which: the ids of a list of outputs, those made up included, and when two are the same destination. */

import type { OutputConfig } from "../outputs/output.ts";
import { canonical } from "./canonical.ts";

/** An output that has its id. */
export interface NamedOutput extends OutputConfig {
  readonly id: string;
}

/**
 * The outputs with an id each. One that has none is called by its type and its place among those of its type (`http-2`), or by the next
 * number that no other output has: from the list alone, so that every worker and every data plane makes up the same.
 */
export function withIds(outputs: readonly OutputConfig[]): readonly NamedOutput[] {
  const taken = new Set(outputs.flatMap(({ id }) => (typeof id === "string" ? [idKey(id)] : [])));
  const places = new Map<string, number>();
  return outputs.map((output) => {
    const place = (places.get(output.type) ?? 0) + 1;
    places.set(output.type, place);
    if (typeof output.id === "string") return output as NamedOutput;
    let number = place;
    while (taken.has(idKey(`${output.type}-${number}`))) number++;
    const { type, ...rest } = output;
    const id = `${type}-${number}`;
    taken.add(idKey(id));
    return { type, id, ...rest };
  });
}

/** Ids that differ in the case of letters only would be one directory where the file system does not tell them apart. */
export function idKey(id: string): string {
  return id.toLowerCase();
}

/** One text for outputs that would be sent the same records in the same way, whatever they are called. */
export function destinationKey({ id: _, ...rest }: OutputConfig): string {
  return canonical(rest);
}
