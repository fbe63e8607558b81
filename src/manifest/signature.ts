/**
 * Signs manifests for a way that others may write to (Redis), and tells a signed one from any other; reports of data planes likewise
 * (`src/bus/signed_reports.ts`).
 *
 *     {"version":"7","timestamp":"…","pipelines":[…],"signature":{"algorithm":"HMAC-SHA-256","key":"1f2e3d4c","value":"base64"}}
 *
 * Signed are a line that says what this is and the manifest's canonical text without its signature: all of its fields, those that nobody
 * knows too, so that not even what a later version would read can be changed. `key` names the key and tells nothing about it.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { StreamGateError } from "../errors.ts";
import { isRecord } from "../schema.ts";
import { canonical } from "./canonical.ts";

const algorithm = "HMAC-SHA-256";
/** No other use of the same key signs this. */
const purpose = "streamgate manifest 1\n";

export interface ManifestKeys {
  /** Signs. */
  readonly current: Buffer;
  /** Each verifies. */
  readonly all: readonly Buffer[];
}

/** @returns the manifest with its signature, in place of one that it may have had */
export function signManifest<T extends object>(manifest: T, keys: ManifestKeys): T & { signature: object } {
  return withSignature(purpose, manifest, keys);
}

/** @param use what such values are: no other use of the same key signs the same text */
export function withSignature<T extends object>(
  use: string,
  value: T,
  { current }: ManifestKeys,
): T & { signature: object } {
  return { ...value, signature: { algorithm, key: idOf(current), value: mac(use, value, current).toString("base64") } };
}

/** Whether one of the keys signed exactly this, for this use. */
export function isSigned(use: string, value: object, { all }: ManifestKeys): boolean {
  const { signature } = value as { signature?: unknown };
  if (!isRecord(signature) || signature.algorithm !== algorithm || typeof signature.value !== "string") return false;
  const given = Buffer.from(signature.value, "base64");
  // Every key is tried, and compared whole, whatever the first ones say.
  const valid = all.filter((key) => {
    const wanted = mac(use, value, key);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
  return valid.length > 0;
}

/**
 * @param raw parsed JSON
 * @throws StreamGateError SG_MANIFEST_SIGNATURE when it is not signed, or not by one of the keys, or was altered since
 */
export function verifyManifest(raw: unknown, keys: ManifestKeys): asserts raw is Record<string, unknown> {
  const signature = isRecord(raw) ? raw.signature : undefined;
  if (!isRecord(raw) || !isRecord(signature) || typeof signature.value !== "string")
    throw refused(
      "is not signed, and MANIFEST_KEY is set",
      "publish with a control plane that has the same MANIFEST_KEY; see docs/security.md",
    );
  if (signature.algorithm !== algorithm)
    throw refused(`is signed by another algorithm than ${algorithm}`, "publish with a control plane of this version");
  refuseUnwritable(raw);
  if (isSigned(purpose, raw, keys)) return;
  const { all } = keys;
  const known = all.some((key) => idOf(key) === signature.key);
  throw known
    ? refused("was altered since it was signed", "publish again, and find out who writes to Redis")
    : refused(
        "is signed with a key that this data plane does not have",
        "give both planes the same MANIFEST_KEY; a new key goes to the data planes first",
      );
}

/** What a signature is of; also tells whether two manifests are the same. */
export function signedText(manifest: object): string {
  return textFor(purpose, manifest);
}

function textFor(use: string, value: object): string {
  const { signature: _, ...rest } = value as Record<string, unknown>;
  return use + canonical(rest);
}

function mac(use: string, value: object, key: Buffer): Buffer {
  return createHmac("sha256", key).update(textFor(use, value)).digest();
}

function idOf(key: Buffer): string {
  return createHmac("sha256", key).update("streamgate manifest key id").digest("hex").slice(0, 8);
}

/** 1e999 and -0 are read as numbers that JSON writes as `null` and `0`: with them two manifests would have one text. */
function refuseUnwritable(value: unknown): void {
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)))
    throw refused("holds a number that no control plane writes", "publish again");
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) refuseUnwritable(part);
}

function refused(what: string, fix: string): StreamGateError {
  return new StreamGateError("SG_MANIFEST_SIGNATURE", { where: "the manifest", what, fix });
}
