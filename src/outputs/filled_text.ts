/** A parameter of an output that is a text, the same for all records, or a field of each syslog record. */

import { encodeSyslogField, syslogFault, syslogFieldOf } from "../plan/syslog_field.ts";
import { type Static, Type } from "../typebox.ts";
import type { Filled } from "./envelope.ts";

/** @param description whose text it is; where records tell it themselves, add by which field when it is left out */
export function filledText(description: string) {
  return Type.Optional(
    Type.Union(
      [
        Type.String({ minLength: 1 }),
        Type.Object({
          field: Type.String({ minLength: 1, description: "Field of a syslog record, such as syslog.host." }),
          default: Type.Optional(Type.String({ minLength: 1, description: "For records without it." })),
        }),
      ],
      { description, "x-words": "text or field" },
    ),
  );
}

export type FilledText = Exclude<Static<ReturnType<typeof filledText>>, undefined>;

/** What all records get alike; undefined: it is left to each record, or to none. */
export function givenText(value: FilledText | undefined): string | undefined {
  return typeof value === "object" ? undefined : value;
}

/** What a record gets that is no syslog. */
export function fixedText(value: FilledText | undefined): string | undefined {
  return typeof value === "object" ? value.default : value;
}

/**
 * A JSON member that syslog records fill in.
 * @param name of the member, behind another one
 * @param field which field, such as `syslog.host`, where the user gave neither text nor field; absent: none then
 * @returns nothing: the text is fixed
 */
export function filledMember(name: string, value: FilledText | undefined, field?: string): Filled[] {
  const asked = typeof value === "object" ? value.field : value === undefined ? field : undefined;
  if (asked === undefined) return [];
  const fixed = fixedText(value);
  const before = `,${JSON.stringify(name)}:`;
  const otherwise = fixed === undefined ? "" : before + JSON.stringify(fixed);
  return [{ before, field: encodeSyslogField(syslogFieldOf(asked)!), otherwise }];
}

/** Why one of these parameters cannot be filled in; undefined: all can. */
export function filledRefusal(values: Readonly<Record<string, FilledText | undefined>>) {
  for (const [param, value] of Object.entries(values)) {
    const fault = typeof value === "object" ? syslogFault(value.field, []) : undefined;
    if (fault !== undefined)
      return { param: `${param}.field`, what: fault.what, fix: "name a field of docs/syslog.md, such as syslog.host" };
  }
  return undefined;
}
