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
 * The text that a severity or a facility has in a comparison, for a value that a person wrote for it: its name (`err`), another name of it
 * (`error`), or its code (`3`).
 * @returns undefined: there is no such severity or facility
 */
export function syslogName(code: number, value: string): string | undefined {
  const [names, aliases]: [readonly string[], Readonly<Record<string, string>>] =
    code === syslogField.severity ? [syslogSeverities, severityAliases] : [syslogFacilities, facilityAliases];
  const lower = value.toLowerCase();
  if (/^\d{1,2}$/.test(lower)) return names[Number(lower)];
  const name = Object.hasOwn(aliases, lower) ? aliases[lower]! : lower;
  return names.includes(name) ? name : undefined;
}
