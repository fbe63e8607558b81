/** Which output is which: the ids of a list of outputs, those made up included, and when two are the same destination. */

import { createHash } from "node:crypto";
import { deliveryFields } from "../outputs/delivery_fields.ts";
import type { OutputConfig } from "../outputs/output.ts";
import { secretsAside } from "../outputs/secrets_of_config.ts";
import { canonical } from "./canonical.ts";

/** An output that has its id. */
export interface NamedOutput extends OutputConfig {
  readonly id: string;
}

/**
 * The outputs with an id each. One that has none is called after its type and what it sends to (`http-3f9a1c`): every worker and every data
 * plane makes up the same, whatever the order, and what waits on disk for one destination is never taken for another's. Settings that
 * every type has (queue, retries …) and secrets do not count, so that a mended token frees what waited for it. A process has one console,
 * so that is `console`, as where no output is configured.
 */
export function withIds(outputs: readonly OutputConfig[]): readonly NamedOutput[] {
  const taken = new Set(outputs.flatMap(({ id }) => (typeof id === "string" ? [idKey(id)] : [])));
  return outputs.map((output) => {
    if (typeof output.id === "string") return output as NamedOutput;
    const { type, ...rest } = output;
    const base = type === "console" ? type : `${type}-${destinationHash(output)}`;
    let id = base;
    for (let times = 2; taken.has(idKey(id)); times++) id = `${base}-${times}`;
    taken.add(idKey(id));
    return { type, id, ...rest };
  });
}

function destinationHash(output: OutputConfig): string {
  const own = Object.entries(secretsAside(output)).filter(([field]) => !Object.hasOwn(deliveryFields, field));
  return createHash("sha256")
    .update(canonical(Object.fromEntries(own)))
    .digest("hex")
    .slice(0, 6);
}

/** Ids that differ in the case of letters only would be one directory where the file system does not tell them apart. */
export function idKey(id: string): string {
  return id.toLowerCase();
}

/** One text for outputs that would be sent the same records in the same way, whatever they are called. */
export function destinationKey({ id: _, ...rest }: OutputConfig): string {
  return canonical(rest);
}
