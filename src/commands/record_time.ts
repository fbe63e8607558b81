/** When a stretch of a log was written, by the first time that stands in it: what replays go by, and what a month is projected from. */

/** A time stands near the head of its record, and one record of a chunk is enough. */
const searchedBytes = 4096;

const isoTime = /\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?/;
/** Pino's, bunyan's and others': milliseconds or seconds since 1970 under a name that means time. */
const epochTime = /"(?:time|ts|timestamp|@timestamp)"\s*:\s*"?(\d{10})(\d{3})?(?:\.(\d{1,3}))?[",}\s]/;
/** Common log format, as web servers write it. */
const webTime = /\[(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})\]/;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** @returns the first time, in milliseconds since 1970, without a zone in UTC; undefined: none is found */
export function timeIn(chunk: Buffer): number | undefined {
  return timeOf(chunk.toString("latin1", 0, searchedBytes));
}

/** @returns of the last line that has a time its first one */
export function lastTimeIn(chunk: Buffer): number | undefined {
  const lines = chunk.toString("latin1", Math.max(0, chunk.length - searchedBytes)).split("\n");
  for (const line of lines.toReversed()) {
    const ms = timeOf(line);
    if (ms !== undefined) return ms;
  }
  return undefined;
}

function timeOf(text: string): number | undefined {
  const found = [isoTime, epochTime, webTime]
    .map((form) => ({ form, match: form.exec(text) }))
    .filter(({ match }) => match !== null)
    .toSorted((a, b) => a.match!.index - b.match!.index)[0];
  if (found === undefined) return undefined;
  const ms = msOf(found.form, found.match!);
  return Number.isFinite(ms) ? ms : undefined;
}

function msOf(form: RegExp, match: RegExpExecArray): number {
  if (form === isoTime) {
    const [, day, time, fraction = "0", zone = "Z"] = match;
    return Date.parse(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${withColon(zone)}`);
  }
  if (form === epochTime) {
    const [, seconds, millis, fraction = "0"] = match;
    return Number(seconds) * 1000 + Number(millis ?? fraction.padEnd(3, "0"));
  }
  const [, day, month, year, time, zone = "+0000"] = match;
  const number = months.indexOf(month!) + 1;
  return Date.parse(`${year}-${String(number).padStart(2, "0")}-${day}T${time}${withColon(zone)}`);
}

function withColon(zone: string): string {
  return zone.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2");
}
