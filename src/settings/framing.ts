/** Reads `TCP_FRAMING`: a framing's name, or `delimiter:TEXT` with escapes. */

import { type Framing, type FramingKind, framingCode } from "../data/frame/framing.ts";

/** A delimiter longer than this would not fit the framer's look-behind (src/data/frame/framing.ts). */
const delimiterBytesMax = 16;
/** A datagram is no stream: it cannot be asked for on TCP. */
const streamKinds = Object.keys(framingCode).filter((kind) => kind !== "datagram" && kind !== "delimiter");

/** What may be written, for messages. */
export const framingText = `${streamKinds.join(", ")} or delimiter:TEXT, where TEXT may contain \\n \\r \\t \\0 \\xNN \\\\`;

/** The same as a regular expression; what a TEXT may hold is left to the reader. */
export const framingForm = `^(${streamKinds.join("|")}|delimiter:.+)$`;

/** @throws Error with the reason, to follow the value in a sentence */
export function parseFraming(text: string): Framing {
  if (text.startsWith("delimiter:")) {
    const delimiter = unescapeBytes(text.slice("delimiter:".length));
    if (delimiter.length === 0) throw new Error("has no delimiter after the colon");
    if (delimiter.length > delimiterBytesMax)
      throw new Error(`has a delimiter of more than ${delimiterBytesMax} bytes`);
    return { kind: "delimiter", delimiter };
  }
  if (!streamKinds.includes(text)) throw new Error("is no framing");
  return { kind: text as FramingKind };
}

const escapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, "0": 0, "\\": 92 };

function unescapeBytes(text: string): Uint8Array {
  const bytes: number[] = [];
  // Each step takes a \xNN, another escape (refused when unknown), or one whole character.
  for (const [part] of text.matchAll(/\\x[0-9A-Fa-f]{2}|\\.?|./gsu)) {
    if (part.length === 4 && part.startsWith("\\x")) bytes.push(Number.parseInt(part.slice(2), 16));
    else if (part.startsWith("\\")) {
      const byte = escapes[part.slice(1)];
      if (byte === undefined) throw new Error(`has an unknown escape ${part}`);
      bytes.push(byte);
    } else bytes.push(...Buffer.from(part, "utf8"));
  }
  return Uint8Array.from(bytes);
}
