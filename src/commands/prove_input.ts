/** Files of records for `prove`: opened one after the other, decompressed where their first bytes say so, chunk by chunk. */

import { createReadStream } from "node:fs";
import type { Readable, Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { StreamGateError } from "../errors.ts";
import { KiB } from "../settings/quantity.ts";

const chunkBytes = 256 * KiB;

interface Packing {
  readonly name: string;
  readonly magic: Buffer;
  /** Absent: not read here. */
  readonly open?: () => Transform;
}

/** Told by their first bytes, since a log file may be called anything. */
const packings: readonly Packing[] = [
  { name: "gzip", magic: Buffer.from([0x1f, 0x8b]), open: () => createGunzip({ chunkSize: chunkBytes }) },
  {
    name: "zstd",
    magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    open: () => createZstdDecompress({ chunkSize: chunkBytes }),
  },
  { name: "xz", magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { name: "bzip2", magic: Buffer.from("BZh") },
];

/**
 * The bytes of a file, unpacked.
 * @param file a path; `-`: standard input
 * @throws StreamGateError SG_INPUT when it cannot be read, is damaged, or is packed in a way that is not read here
 */
export async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  const where = file === "-" ? "standard input" : file;
  const source: Readable = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: chunkBytes });
  try {
    const iterator = source[Symbol.asyncIterator]();
    const first = await firstBytes(iterator);
    if (first === undefined) return;
    const packing = packings.find(({ magic }) => first.subarray(0, magic.length).equals(magic));
    if (packing === undefined) {
      yield first;
      for await (const chunk of { [Symbol.asyncIterator]: () => iterator }) yield chunk;
      return;
    }
    if (packing.open === undefined)
      throw new StreamGateError("SG_INPUT", {
        where,
        what: `is packed with ${packing.name}, which is not read here`,
        fix: `unpack it on the way: ${packing.name} -dc ${where} | streamgate prove -`,
      });
    yield* unpacked(packing.open(), first, iterator);
  } catch (error) {
    if (error instanceof StreamGateError) throw error;
    const what = `cannot be read: ${(error as Error).message}`;
    throw new StreamGateError(
      "SG_INPUT",
      { where, what, fix: "give files of lines, plain or packed with gzip or zstd" },
      { cause: error },
    );
  } finally {
    source.destroy();
  }
}

/** Enough bytes to know a packing by; undefined: there are none. */
async function firstBytes(iterator: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  let bytes: Buffer | undefined;
  while (bytes === undefined || bytes.length < 6) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    bytes = bytes === undefined ? value : Buffer.concat([bytes, value]);
  }
  return bytes;
}

async function* unpacked(unpacker: Transform, first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  const fed = (async () => {
    for (let chunk: Buffer | undefined = first; chunk !== undefined; ) {
      if (!unpacker.write(chunk)) await new Promise<void>((resolve) => unpacker.once("drain", resolve));
      const { value, done } = await rest.next();
      chunk = done === true ? undefined : value;
    }
    unpacker.end();
  })();
  // A source that fails ends its reader, too.
  fed.catch((error: Error) => unpacker.destroy(error));
  for await (const chunk of unpacker) yield chunk as Buffer;
  await fed;
}
