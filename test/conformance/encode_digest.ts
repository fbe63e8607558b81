/**
 * Prints the kernel that runs and the digest of what the native engine makes of the cases of a seed. A program of its own, since a
 * process chooses its kernel once: `encode.test.ts` starts it under each STREAMGATE_SIMD.
 */

import { loadAddon } from "../../src/data/engine/addon.ts";
import { nativeKind } from "../../src/data/engine/native/kind.ts";
import { digestOf } from "./encode_cases.ts";

const [seed, count] = process.argv.slice(2).map(Number);
const found = loadAddon();
if (!("addon" in found)) throw new Error(found.failures.join("; "));
process.stdout.write(`${found.addon.versions().kernel} ${digestOf(nativeKind(found.addon), seed!, count!)}\n`);
