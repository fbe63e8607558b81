/**
 * The arguments of the operation `redact`, as bytes.
 *
 *     0      u8 mode (redactMode) · u8 decode (sum of redactDecode) · u8 characters that a mask keeps · u8 version of the key
 *     1      the key of the hash; empty: none
 *     2 …    one argument a selector:
 *            u8 kind (redactSelector) · u8 normal (redactNormal) · token · label · first text · …
 *
 * Token, label and texts are u32 length + bytes. Texts of a scanner or a pattern: the pattern, then the scanner's or the check's name
 * (the latter may be empty); of a pattern for bytes the pattern and what stands for its matches, an RE2 rewrite; of a key its glob; of a path a glob for each key. A scope has an empty token and label. The token stands
 * for a value that is replaced; the label is in the token of one that is hashed. Selectors of one operation see the same text.
 */

export const redactMode = { replace: 0, mask: 1, hash: 2, drop: 3 } as const;
export type RedactMode = keyof typeof redactMode;

export const redactDecode = { json: 1, url: 2, base64: 4 } as const;
export type RedactDecode = keyof typeof redactDecode;

/**
 * Scopes say where scanners and patterns look; none: everywhere. A pattern for bytes sees the record's bytes, or the value of each field in
 * scope as if that were all, and nothing decoded. With the operation's flag `limited` such patterns make as many matches as of
 * replacePattern; one more and the record is quarantined.
 */
export const redactSelector = {
  scanner: 0,
  pattern: 1,
  key: 2,
  path: 3,
  scopeKey: 4,
  scopePath: 5,
  bytesPattern: 6,
} as const;

/** What is done to a value before it is hashed: nothing; letters and digits alone, in upper case; in lower case. ASCII only. */
export const redactNormal = { none: 0, compact: 1, lower: 2 } as const;

/** Most paths and scope paths of one operation, each. */
export const redactPathsMax = 64;

export interface RedactSelector {
  readonly kind: keyof typeof redactSelector;
  readonly normal?: keyof typeof redactNormal;
  readonly token?: string;
  readonly label?: string;
  readonly texts: readonly string[];
}

export interface Redact {
  readonly mode: RedactMode;
  readonly decode: readonly RedactDecode[];
  /** Characters at a value's end that a mask keeps, 0 to 255. */
  readonly keepLast?: number;
  readonly key?: string;
  /** 0 to 255; in the token of what is hashed. */
  readonly keyVersion?: number;
  readonly selectors: readonly RedactSelector[];
}

export function redactArguments({
  mode,
  decode,
  keepLast = 0,
  key = "",
  keyVersion = 1,
  selectors,
}: Redact): Uint8Array[] {
  const decoded = decode.reduce((sum, name) => sum | redactDecode[name], 0);
  return [
    Uint8Array.of(redactMode[mode], decoded, keepLast, keyVersion),
    Buffer.from(key),
    ...selectors.map(({ kind, normal = "none", token = "", label = "", texts }) =>
      Buffer.concat([
        Uint8Array.of(redactSelector[kind], redactNormal[normal]),
        ...[token, label, ...texts].flatMap((text) => {
          const bytes = Buffer.from(text);
          const length = Buffer.alloc(4);
          length.writeUInt32LE(bytes.length);
          return [length, bytes];
        }),
      ]),
    ),
  ];
}
