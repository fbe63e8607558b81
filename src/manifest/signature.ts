/**
 * Signs manifests for a way that others may write to (Redis), and tells a signed one from any other.
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
export function signManifest<T extends object>(manifest: T, { current }: ManifestKeys): T & { signature: object } {
  const value = mac(manifest, current).toString("base64");
  return { ...manifest, signature: { algorithm, key: idOf(current), value } };
}

/**
 * @param raw parsed JSON
 * @throws StreamGateError SG_MANIFEST_SIGNATURE when it is not signed, or not by one of the keys, or was altered since
 */
export function verifyManifest(raw: unknown, { all }: ManifestKeys): asserts raw is Record<string, unknown> {
  const signature = isRecord(raw) ? raw.signature : undefined;
  if (!isRecord(raw) || !isRecord(signature) || typeof signature.value !== "string")
    throw refused(
      "is not signed, and MANIFEST_KEY is set",
      "publish with a control plane that has the same MANIFEST_KEY; see docs/security.md",
    );
  if (signature.algorithm !== algorithm)
    throw refused(`is signed by another algorithm than ${algorithm}`, "publish with a control plane of this version");
  refuseUnwritable(raw);
  const given = Buffer.from(signature.value, "base64");
  // Every key is tried, and compared whole, whatever the first ones say.
  const valid = all.filter((key) => {
    const wanted = mac(raw, key);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
  if (valid.length > 0) return;
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
  const { signature: _, ...rest } = manifest as Record<string, unknown>;
  return purpose + canonical(rest);
}

function mac(manifest: object, key: Buffer): Buffer {
  return createHmac("sha256", key).update(signedText(manifest)).digest();
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
