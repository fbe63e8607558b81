/**
 * A field of a syslog record as conditions, shard keys and envelopes ask for it. Twin of `native/syslog/field.h`; names and codes are in
 * `src/plan/syslog_field.ts`.
 */

import { syslogFacilities, syslogField, syslogSeverities } from "../../../../plan/syslog_field.ts";
import { numberOf } from "../attribute/comparison.ts";
import type { Part, SyslogMessage } from "./message.ts";
import { StructuredData, unescapeParam } from "./structured_data.ts";
import { syslogTimeMs } from "./time.ts";

const severities = syslogSeverities.map((name) => Buffer.from(name));
const facilities = syslogFacilities.map((name) => Buffer.from(name));

const partOf: Readonly<Record<number, (message: SyslogMessage) => Part>> = {
  [syslogField.version]: ({ version }) => version,
  [syslogField.time]: ({ time }) => time,
  [syslogField.host]: ({ host }) => host,
  [syslogField.app]: ({ app }) => app,
  [syslogField.procid]: ({ procid }) => procid,
  [syslogField.msgid]: ({ msgid }) => msgid,
  [syslogField.sd]: ({ structuredData }) => structuredData,
  [syslogField.message]: ({ message }) => message,
};

export class SyslogFieldReader {
  /** A `syslogField`. */
  readonly code: number;
  /** `ID.PARAM` */
  readonly #param: Uint8Array;
  readonly #data = new StructuredData();

  /**
   * @param bytes as `encodeSyslogField` writes them
   * @throws RangeError when they are no field
   */
  constructor(bytes: Uint8Array) {
    const [code = -1] = bytes;
    this.code = code;
    this.#param = Buffer.from(bytes.subarray(1));
    if (code < 0 || code > syslogField.message || this.#param.length > 0 !== (code === syslogField.param))
      throw new RangeError("there is no such syslog field");
  }

  /**
   * The field's text: a severity's and a facility's name, a parameter's value unescaped.
   * @param bytes those that `message` was read from
   * @returns undefined: the record has no such field
   */
  text(bytes: Uint8Array, message: SyslogMessage): Buffer | undefined {
    if (message.priority === -1) return undefined;
    if (this.code === syslogField.severity) return severities[message.priority % 8];
    if (this.code === syslogField.facility) return facilities[message.priority >> 3];
    if (this.code === syslogField.param) {
      const { start, end } = message.structuredData;
      if (start === -1 || !this.#data.find(bytes, start, end, this.#param)) return undefined;
      return unescapeParam(view(bytes, this.#data.valueStart, this.#data.valueEnd));
    }
    const { start, end } = partOf[this.code]!(message);
    return start === -1 ? undefined : view(bytes, start, end);
  }

  /**
   * What is compared as a number: the code of a severity or a facility, a time's milliseconds since 1970, else the text where that is a
   * number.
   * @returns NaN: there is none
   */
  number(bytes: Uint8Array, message: SyslogMessage): number {
    if (message.priority === -1) return Number.NaN;
    if (this.code === syslogField.severity) return message.priority % 8;
    if (this.code === syslogField.facility) return message.priority >> 3;
    const text = this.text(bytes, message);
    if (text === undefined) return Number.NaN;
    if (this.code !== syslogField.time) return numberOf(text);
    return syslogTimeMs(text.toString("latin1")) ?? Number.NaN;
  }
}

function view(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
}
