/** When a syslog record says it was written. Twin of `native/syslog/time.h`. */

/** RFC 3339 as RFC 5424 section 6.2.3 has it. */
const form = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * Milliseconds since 1970, digits behind the third cut off.
 * @returns undefined: it can't be known, since the year or the offset from UTC is missing (`Oct 11 22:14:15`), or since no calendar has it
 */
export function syslogTimeMs(time: string): number | undefined {
  const found = form.exec(time);
  if (found === null) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [
    ...[number, number, number],
    ...[number, number, number],
  ];
  const [hours, minutes] = [Number(found[9] ?? 0), Number(found[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || hours > 23 || minutes > 59) return undefined;
  const date = new Date(0);
  // Date.UTC takes years below 100 for those of the last century.
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const offsetMinutes = (hours * 60 + minutes) * (found[8] === "-" ? -1 : 1);
  const fraction = Number((found[7] ?? "").slice(0, 3).padEnd(3, "0"));
  return date.getTime() + ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1000 + fraction;
}
