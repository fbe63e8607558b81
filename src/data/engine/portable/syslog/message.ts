/**
 * A syslog record in its parts, by RFC 5424 section 6 or RFC 3164 section 4.1 as senders write it. Places in the record: nothing is
 * copied. `docs/syslog.md` has the grammar that is taken. Twin of `native/syslog/message.h`.
 */

import { isDigit } from "../scan/ascii.ts";
import { StructuredData } from "./structured_data.ts";

/** RFC 5424 section 6. RFC 3164 allows a tag of 32 characters; senders write longer ones. */
const hostBytesMax = 255;
const appBytesMax = 48;
const procidBytesMax = 128;
const msgidBytesMax = 32;
/** RFC 5424 section 6.2.1: facility 23, severity 7. */
const priorityMax = 191;
const months = new Set(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]);

const space = 0x20;
const dash = 0x2d;
const star = 0x2a;
const dot = 0x2e;
const colon = 0x3a;
const less = 0x3c;
const more = 0x3e;
const bracketOpen = 0x5b;
const bracketClose = 0x5d;
const isoTime = "dddd-dd-ddTdd:dd:dd";
const days = [" d ", "dd ", "d "];

/** A part of the record. */
export class Part {
  /** -1: the record has none. Only a message may be there and empty. */
  start = -1;
  end = -1;
}

/** Reads one record after the other; the parts are the last one's. */
export class SyslogMessage {
  /** 8 × facility + severity, 0 to 191. -1: the record is no syslog, and has none of the others. */
  priority = -1;
  /** RFC 5424 alone. */
  readonly version = new Part();
  readonly time = new Part();
  readonly host = new Part();
  readonly app = new Part();
  readonly procid = new Part();
  /** RFC 5424 alone. */
  readonly msgid = new Part();
  /** RFC 5424 alone; whole and well-formed. */
  readonly structuredData = new Part();
  readonly message = new Part();
  readonly #parts = [
    ...[this.version, this.time, this.host, this.app],
    ...[this.procid, this.msgid, this.structuredData, this.message],
  ];
  readonly #data = new StructuredData();
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** Where the field that `#takeField` took last begins and ends. */
  #from = 0;
  #to = 0;

  /** Reads all of the header. A record that breaks off, or breaks the grammar, has the fields before that place. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.priority = -1;
    for (const part of this.#parts) part.start = part.end = -1;
    if (!this.#takePriority()) return;
    const text = this.#at;
    if (this.#readRfc5424()) return;
    this.#at = text;
    this.#readRfc3164();
  }

  /** @returns false: no version with a time behind it; then a number is the head of a text */
  #readRfc5424(): boolean {
    const bytes = this.#bytes;
    const version = this.#at;
    if (!this.#takeVersion()) return false;
    const versionEnd = this.#at - 1;
    if (!this.#takeField()) return false;
    const nilTime = this.#to - this.#from === 1 && bytes[this.#from] === dash;
    if (!nilTime && !this.#begins(this.#from, this.#to, isoTime)) return false;
    set(this.version, version, versionEnd);
    if (!nilTime) set(this.time, this.#from, this.#to);
    if (!this.#takeField()) return true;
    const [from, to] = [this.#from, this.#to];
    if (!this.#takeField()) return true;
    this.#setValue(this.host, from, to, hostBytesMax);
    this.#setValue(this.app, this.#from, this.#to, appBytesMax);
    if (!this.#takeField()) return true;
    this.#setValue(this.procid, this.#from, this.#to, procidBytesMax);
    if (!this.#takeField()) return true;
    this.#setValue(this.msgid, this.#from, this.#to, msgidBytesMax);
    const data = this.#at;
    const nil = data < this.#end && bytes[data] === dash;
    const dataEnd = nil ? data + 1 : this.#data.end(bytes, data, this.#end);
    if (dataEnd === -1 || (dataEnd < this.#end && bytes[dataEnd] !== space)) return true;
    if (!nil) set(this.structuredData, data, dataEnd);
    if (dataEnd === this.#end) return true;
    let message = dataEnd + 1;
    // A byte order mark is no part of the text.
    if (
      bytes[message] === 0xef &&
      bytes[message + 1] === 0xbb &&
      bytes[message + 2] === 0xbf &&
      message + 3 <= this.#end
    )
      message += 3;
    set(this.message, message, this.#end);
    return true;
  }

  #readRfc3164(): void {
    const bytes = this.#bytes;
    set(this.message, this.#at, this.#end);
    if (this.#at < this.#end && bytes[this.#at] === space) this.#at++;
    // Cisco: the clock was never set, or is not in step.
    if (this.#at < this.#end && (bytes[this.#at] === star || bytes[this.#at] === dot)) this.#at++;
    const time = this.#at;
    const timeEnd = this.#timeEnd(time);
    if (timeEnd === -1) return;
    let at = timeEnd;
    if (at < this.#end && bytes[at] === colon) at++;
    if (at < this.#end && bytes[at] !== space) return;
    set(this.time, time, timeEnd);
    while (at < this.#end && bytes[at] === space) at++;
    const end = this.#find(space, at, this.#end);
    const firstEnd = end === -1 ? this.#end : end;
    // Programs that write to a local socket leave the host out, so that the tag comes first.
    const bracket = this.#find(bracketOpen, at, firstEnd);
    const tagFirst = firstEnd > at && (bytes[firstEnd - 1] === colon || bracket > at);
    if (!tagFirst) {
      this.#setValue(this.host, at, firstEnd, hostBytesMax);
      at = Math.min(firstEnd + 1, this.#end);
    }
    this.#readTag(at);
  }

  /** What a tag, `app:` or `app[procid]:`, says, and the text behind it. */
  #readTag(start: number): void {
    const bytes = this.#bytes;
    set(this.message, start, this.#end);
    let end = start;
    while (end < this.#end && bytes[end] !== colon && bytes[end] !== bracketOpen && bytes[end] !== space) end++;
    if (end === this.#end || bytes[end] === space) return;
    this.#setValue(this.app, start, end, appBytesMax);
    if (this.app.start === -1) return;
    let after = end + 1;
    if (bytes[end] === bracketOpen) {
      const close = this.#find(bracketClose, after, Math.min(this.#end, end + 2 + procidBytesMax));
      if (close === -1 || this.#find(space, after, close) !== -1) return;
      this.#setValue(this.procid, after, close, procidBytesMax);
      after = close + 1;
      if (after < this.#end && bytes[after] === colon) after++;
    }
    if (after < this.#end && bytes[after] === space) after++;
    set(this.message, after, this.#end);
  }

  /** "<34>" */
  #takePriority(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (at === this.#end || bytes[at] !== less) return false;
    const from = ++at;
    let priority = 0;
    for (; at < this.#end && at - from < 3 && isDigit(bytes[at]!); at++) priority = priority * 10 + bytes[at]! - 0x30;
    if (at === from || at === this.#end || bytes[at] !== more || priority > priorityMax) return false;
    this.#at = at + 1;
    this.priority = priority;
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

  /**
   * Where the time at `start` ends; -1: there is none. An ISO 8601 time, as relays write, or "Oct  1 22:14:15" with one digit or two for
   * the day, perhaps with a fraction of the second and with the year before the time (Cisco) or behind it.
   */
  #timeEnd(start: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const wordEnd = this.#find(space, start, end);
    const to = wordEnd === -1 ? end : wordEnd;
    if (this.#begins(start, to, isoTime)) return bytes[to - 1] === colon ? to - 1 : to;
    if (end - start < 4 || bytes[start + 3] !== space) return -1;
    const month = String.fromCharCode(bytes[start]! | 0x20, bytes[start + 1]! | 0x20, bytes[start + 2]! | 0x20);
    if (!months.has(month)) return -1;
    let at = start + 4;
    const takes = (shape: string) => {
      const begins = this.#begins(at, end, shape);
      if (begins) at += shape.length;
      return begins;
    };
    if (!days.some(takes)) return -1;
    takes("dddd ");
    if (!takes("dd:dd:dd")) return -1;
    if (takes(".")) while (at < end && isDigit(bytes[at]!)) at++;
    const ends = at + 5 === end || (at + 5 < end && bytes[at + 5] === space);
    if (ends && !takes(" 19dd")) takes(" 20dd");
    return at;
  }

  /** Takes what comes before the next space, and the space. @returns false: there is no space, or nothing before it */
  #takeField(): boolean {
    const end = this.#find(space, this.#at, this.#end);
    if (end === -1 || end === this.#at) return false;
    this.#from = this.#at;
    this.#to = end;
    this.#at = end + 1;
    return true;
  }

  /** The first `byte` in [from, to); -1: there is none. */
  #find(byte: number, from: number, to: number): number {
    for (let i = from; i < to; i++) if (this.#bytes[i] === byte) return i;
    return -1;
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

  /** What of a field counts: printable ASCII of a length that it may have, and not RFC 5424's NILVALUE. */
  #setValue(part: Part, start: number, end: number, bytesMax: number): void {
    const nil = end - start === 1 && this.#bytes[start] === dash;
    if (nil || end <= start || end - start > bytesMax) return;
    for (let i = start; i < end; i++) if (this.#bytes[i]! <= space || this.#bytes[i]! > 0x7e) return;
    set(part, start, end);
  }
}

function set(part: Part, start: number, end: number): void {
  part.start = start;
  part.end = end;
}
