/** Compresses a body, off this thread. Level 1 of both: the last few per cent of a log's size cost several times the CPU. */

import { promisify } from "node:util";
import { constants, gzip, zstdCompress } from "node:zlib";
import type { Body } from "../../outputs/output.ts";

export type Encoding = "gzip" | "zstd";

const compressors = {
  gzip: (bytes: Uint8Array) => promisify(gzip)(bytes, { level: 1 }),
  zstd: (bytes: Uint8Array) => promisify(zstdCompress)(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
};

export async function compressed({ parts }: Body, encoding: Encoding): Promise<Body> {
  const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  const bytes = await compressors[encoding](whole);
  return { parts: [bytes], bytes: bytes.length };
}
