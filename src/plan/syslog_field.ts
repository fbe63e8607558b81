/**
 * The fields of a syslog record (RFC 3164, RFC 5424): their names as users write them, their codes, and the names of severities and
 * facilities. What each field is: `docs/syslog.md`. Both engines read records by this table.
 */

/** Codes of the fields in a plan's bytes, a shard key's and an envelope's. */
export const syslogField = {
  severity: 0,
  facility: 1,
  version: 2,
  time: 3,
  host: 4,
  app: 5,
  procid: 6,
  msgid: 7,
  /** The structured data as they are written. */
  sd: 8,
  /** One parameter of the structured data, named `ID.PARAM`. */
  param: 9,
  message: 10,
} as const;

/** RFC 5424 table 2, by the names that syslog.conf(5) and rsyslog give them; the index is the code. */
export const syslogSeverities = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] as const;

/** RFC 5424 table 1, by the names that syslog.conf(5) and rsyslog give them; the index is the code. */
export const syslogFacilities = [
  ...["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"],
  ...["ntp", "audit", "alert", "clock"],
  ...["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
] as const;

/** What begins the name of a syslog field where others name an attribute. */
export const syslogPrefix = "syslog.";
const paramPrefix = "sd.";

/** A field of a syslog record. */
export interface SyslogFieldRef {
  /** A `syslogField`. */
  readonly code: number;
  /** `ID.PARAM` of `param`, else empty. */
  readonly param: string;
}

/**
 * Reads a field's name.
 * @param name such as `syslog.host` or `syslog.sd.origin.ip`
 * @returns undefined: there is no such field
 */
export function syslogFieldOf(name: string): SyslogFieldRef | undefined {
  if (!name.startsWith(syslogPrefix)) return undefined;
  const field = name.slice(syslogPrefix.length);
  if (field.startsWith(paramPrefix)) {
    const param = field.slice(paramPrefix.length);
    return /^[^ "\]=]+\.[^ "\]=]+$/.test(param) ? { code: syslogField.param, param } : undefined;
  }
  const code = Object.entries(syslogField).find(([key]) => key === field && key !== "param")?.[1];
  return code === undefined ? undefined : { code, param: "" };
}

/** What may stand behind `syslog.`, for messages. */
export const syslogFieldText =
  "syslog.severity, facility, version, time, host, app, procid, msgid, sd, sd.ID.PARAM and message";

/** A field as engines get it: u8 code, then `ID.PARAM` in UTF-8. */
export function encodeSyslogField({ code, param }: SyslogFieldRef): Uint8Array {
  return Buffer.concat([Uint8Array.of(code), Buffer.from(param)]);
}

/** What a path begins with, as a u32, that is no path of keys but a field of syslog: no key is that long. */
export const syslogPathMark = 0xffff_ffff;

/** A field where engines expect the path of an attribute: `syslogPathMark`, then the field as `encodeSyslogField` writes it. */
export function encodeSyslogPath(field: SyslogFieldRef): Uint8Array {
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(syslogPathMark);
  return Buffer.concat([mark, encodeSyslogField(field)]);
}

const severityAliases: Readonly<Record<string, string>> = {
  emergency: "emerg",
  panic: "emerg",
  critical: "crit",
  error: "err",
  warn: "warning",
  informational: "info",
};
const facilityAliases: Readonly<Record<string, string>> = { security: "auth" };

/**
 * The text with which a field is compared for a value that a person wrote: of a severity or a facility its name (`err`) for that name,
 * another name of it (`error`), or its code (`3`); else, and where there is no such severity or facility, the value itself.
 */
export function syslogValue({ code }: SyslogFieldRef, value: string): string {
  return nameOf(code, value) ?? value;
}

/** Of severity and facility. @returns undefined: there is no such severity or facility */
function nameOf(code: number, value: string): string | undefined {
  const [names, aliases] = namesOf(code);
  const lower = value.toLowerCase();
  if (/^\d{1,2}$/.test(lower)) return names[Number(lower)];
  const name = Object.hasOwn(aliases, lower) ? aliases[lower]! : lower;
  return names.includes(name) ? name : undefined;
}

function namesOf(code: number): readonly [names: readonly string[], aliases: Readonly<Record<string, string>>] {
  if (code === syslogField.severity) return [syslogSeverities, severityAliases];
  return code === syslogField.facility ? [syslogFacilities, facilityAliases] : [[], {}];
}

/**
 * Why a field cannot be compared with values for equality.
 * @param name what begins with `syslog.`
 * @returns of which of the two, and a sentence's rest; undefined: it can
 */
export function syslogFault(
  name: string,
  values: readonly string[],
): { readonly of: "name" | "value"; readonly what: string; readonly fix: string } | undefined {
  const ref = syslogFieldOf(name);
  if (ref === undefined) {
    const path = name.replaceAll(".", "/");
    const fix = `there are ${syslogFieldText}; an attribute of JSON that is called so is asked for by its path, such as ${path}`;
    return { of: "name", what: "is no field of syslog", fix };
  }
  const [names] = namesOf(ref.code);
  const stranger = names.length === 0 ? undefined : values.find((value) => nameOf(ref.code, value) === undefined);
  if (stranger === undefined) return undefined;
  const fix = `give one of ${names.join(", ")}, or its number from 0 to ${names.length - 1}`;
  return { of: "value", what: `names no such ${name.slice(syslogPrefix.length)}: ${JSON.stringify(stranger)}`, fix };
}
