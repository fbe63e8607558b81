/** Reads `SHARD_BY`: what decides which worker a record belongs to. */

import { attributeKeysMax } from "../plan/operations.ts";
import { type SyslogFieldRef, syslogFieldOf, syslogFieldText, syslogPrefix } from "../plan/syslog_field.ts";
import { attributePathFault } from "../rules/attribute_filter.ts";

export type ShardBy =
  | { readonly key: "none" | "source" }
  | { readonly key: "syslog"; readonly field: SyslogFieldRef }
  /** One of the two is given, as in an `attribute_filter`. */
  | { readonly key: "attribute"; readonly attribute?: string; readonly path?: string };

const plainKeys = ["none", "source"] as const;
const attributePrefix = "attribute:";

/** What may be written, for messages. */
export const shardByText = `${plainKeys.join(", ")}, syslog.FIELD, such as syslog.host, or attribute:NAME, such as attribute:service.name or attribute:/tenant/id`;

/** The same as a regular expression; which fields there are is left to the reader. */
export const shardByForm = `^(${plainKeys.join("|")}|syslog\\..+|${attributePrefix}.+)$`;

/** @throws Error with the reason, to follow the value in a sentence */
export function parseShardBy(text: string): ShardBy {
  const plain = plainKeys.find((key) => key === text);
  if (plain !== undefined) return { key: plain };
  if (text.startsWith(syslogPrefix)) {
    const field = syslogFieldOf(text);
    if (field === undefined) throw new Error(`is no field of syslog; there are ${syslogFieldText}`);
    return { key: "syslog", field };
  }
  if (!text.startsWith(attributePrefix)) throw new Error("is no key to shard by");
  const name = text.slice(attributePrefix.length);
  if (name === "") throw new Error("names no attribute after the colon");
  // A leading slash tells an exact place from a name: names such as app.kubernetes.io/name hold slashes too.
  const place = name.startsWith("/") ? { path: name } : { attribute: name };
  const fault = attributePathFault(place.attribute, place.path);
  if (fault !== undefined) throw new Error(`${fault}; a path has at most ${attributeKeysMax} keys, none of them empty`);
  return { key: "attribute", ...place };
}
