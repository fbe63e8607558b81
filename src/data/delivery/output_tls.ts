/**
 * The TLS of an output's connections, from files that are read again: each new connection shows and trusts what is in them by then, so that a
 * renewed certificate needs no publish. Certificate and key are never replaced at one moment: while they do not fit, what was before goes on.
 */

import { createSecureContext } from "node:tls";
import type { Text } from "../../outputs/secret.ts";
import type { TlsOptions } from "./http.ts";

/** The fields that may name files. */
export interface TlsReferences {
  readonly ca?: Text | undefined;
  readonly cert?: Text | undefined;
  readonly key?: Text | undefined;
}

export interface TlsFilesSite {
  readonly file: (path: string) => string;
  /** Says that files have changed and cannot be used. Never their content. */
  readonly warn: (message: string) => void;
}

/**
 * @param references as configured
 * @param first what they amount to now
 * @returns what holds for the next connection; the same object as long as nothing has changed
 */
export function tlsFromFiles(
  references: TlsReferences,
  first: TlsOptions,
  { file, warn }: TlsFilesSite,
): () => TlsOptions {
  const paths = (["ca", "cert", "key"] as const).flatMap((part) => {
    const text = references[part];
    return typeof text === "object" && "file" in text ? [[part, text.file] as const] : [];
  });
  if (paths.length === 0) return () => first;
  let current = first;
  let complaint = "";
  return () => {
    try {
      const read = Object.fromEntries(paths.map(([part, path]) => [part, file(path)]));
      if (paths.every(([part]) => read[part] === current[part])) return current;
      const next = { ...current, ...read };
      createSecureContext({ ca: next.ca, cert: next.cert, key: next.key });
      current = next;
      complaint = "";
    } catch (error) {
      const { code = "", message } = error as NodeJS.ErrnoException;
      // The message of OpenSSL or of the file system: it names a path or what is wrong, and quotes nothing.
      const said = `changed TLS files are not used, those before go on: ${code} ${message}`;
      if (said !== complaint) warn(said);
      complaint = said;
    }
    return current;
  };
}
