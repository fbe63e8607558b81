/**
 * Host and app-name of a syslog record, by RFC 5424 section 6.2 or RFC 3164 section 4.1 as senders write it. What is looked
 * at: `docs/sharding.md`. Twin of `native/shard/syslog_header.h`.
 */

/** RFC 5424 section 6: HOSTNAME and APP-NAME. RFC 3164 allows a tag of 32 characters; senders write longer ones. */
const hostBytesMax = 255;
const appBytesMax = 48;
/** RFC 5424 section 6.2.1: facility 23, severity 7. */
const priorityMax = 191;
const months = new Set(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]);

const space = 0x20;
const dash = 0x2d;
const colon = 0x3a;
const bracketOpen = 0x5b;
const isoTime = "dddd-dd-ddTdd:dd:dd";
const days = [" d ", "dd ", "d "];

/** A part of the record; empty (`start === end`) where the record has none. */
interface Field {
  start: number;
  end: number;
}

/** Reads one record after the other; `host` and `app` are the last one's. */
export class SyslogHeader {
  readonly host: Field = { start: 0, end: 0 };
  readonly app: Field = { start: 0, end: 0 };
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** Where the field that `#takeField` took last begins and ends. */
  #from = 0;
  #to = 0;

  /** Both fields are empty afterwards when the record begins with no syslog header. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#set(this.host, 0, 0, 0);
    this.#set(this.app, 0, 0, 0);
    if (!this.#takePriority()) return;
    if (this.#takeVersion()) this.#readRfc5424();
    else this.#readRfc3164();
  }

  #readRfc5424(): void {
    if (!this.#takeField()) return;
    const nil = this.#to - this.#from === 1 && this.#bytes[this.#from] === dash;
    if (!nil && !this.#begins(this.#from, this.#to, isoTime)) return;
    if (!this.#takeField()) return;
    const [from, to] = [this.#from, this.#to];
    if (!this.#takeField()) return;
    this.#set(this.host, from, to, hostBytesMax);
    this.#set(this.app, this.#from, this.#to, appBytesMax);
  }

  #readRfc3164(): void {
    if (!this.#takeBsdTime()) return;
    const bytes = this.#bytes;
    const start = this.#at;
    const end = this.#spaceFrom(start) ?? this.#end;
    // Programs that write to a local socket leave the host out, so that the tag comes first.
    let tagFirst = end > start && bytes[end - 1] === colon;
    if (bytes[start] !== bracketOpen)
      for (let i = start; i < end && !tagFirst; i++) tagFirst = bytes[i] === bracketOpen;
    if (!tagFirst) {
      this.#set(this.host, start, end, hostBytesMax);
      this.#at = Math.min(end + 1, this.#end);
    }
    for (let i = this.#at; i < this.#end; i++) {
      if (bytes[i] === space) return;
      if (bytes[i] === colon || bytes[i] === bracketOpen) {
        this.#set(this.app, this.#at, i, appBytesMax);
        return;
      }
    }
  }

  /** "<34>" */
  #takePriority(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (at === this.#end || bytes[at] !== 0x3c) return false;
    const from = ++at;
    let priority = 0;
    for (; at < this.#end && at - from < 3 && isDigit(bytes[at]!); at++) priority = priority * 10 + bytes[at]! - 0x30;
    if (at === from || at === this.#end || bytes[at] !== 0x3e || priority > priorityMax) return false;
    this.#at = at + 1;
    return true;
  }

  /** RFC 5424's VERSION and its space: a digit that is not 0, then up to two more. */
  #takeVersion(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    while (at < this.#end && at - this.#at < 3 && isDigit(bytes[at]!)) at++;
    if (at === this.#at || bytes[this.#at] === 0x30 || at === this.#end || bytes[at] !== space) return false;
    this.#at = at + 1;
    return true;
  }

  /** "Oct  1 22:14:15 " with one digit or two for the day, perhaps with a fraction; or an ISO 8601 time, as relays write. */
  #takeBsdTime(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    if (this.#end - start < 4 || bytes[start + 3] !== space)
      return this.#takeField() && this.#begins(this.#from, this.#to, isoTime);
    if (!months.has(String.fromCharCode(bytes[start]!, bytes[start + 1]!, bytes[start + 2]!))) return false;
    const day = days.find((shape) => this.#begins(start + 4, this.#end, shape));
    if (day === undefined) return false;
    this.#at = start + 4 + day.length;
    if (!this.#takeField() || !this.#begins(this.#from, this.#to, "dd:dd:dd")) return false;
    const fraction = this.#from + 8;
    if (fraction === this.#to) return true;
    if (bytes[fraction] !== 0x2e || fraction + 1 === this.#to) return false;
    for (let i = fraction + 1; i < this.#to; i++) if (!isDigit(bytes[i]!)) return false;
    return true;
  }

  /** Takes what comes before the next space, and the space. @returns false: there is no space, or nothing before it */
  #takeField(): boolean {
    const end = this.#spaceFrom(this.#at);
    if (end === undefined || end === this.#at) return false;
    this.#from = this.#at;
    this.#to = end;
    this.#at = end + 1;
    return true;
  }

  #spaceFrom(at: number): number | undefined {
    for (let i = at; i < this.#end; i++) if (this.#bytes[i] === space) return i;
    return undefined;
  }

  /** Does the text begin with `shape`, where `d` stands for a digit and anything else for itself? */
  #begins(start: number, end: number, shape: string): boolean {
    if (end - start < shape.length) return false;
    for (let i = 0; i < shape.length; i++) {
      const byte = this.#bytes[start + i]!;
      if (shape[i] === "d" ? !isDigit(byte) : byte !== shape.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Printable ASCII of a length that the field may have; else, and for RFC 5424's NILVALUE, the field is empty. */
  #set(field: Field, start: number, end: number, bytesMax: number): void {
    const nil = end - start === 1 && this.#bytes[start] === dash;
    let valid = !nil && end - start <= bytesMax;
    for (let i = start; i < end && valid; i++) valid = this.#bytes[i]! > space && this.#bytes[i]! <= 0x7e;
    field.start = valid ? start : 0;
    field.end = valid ? end : 0;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
