/**
 * What a TLS client trusts and shows, from files that are read again for each connection it makes: a certificate that was renewed is shown at
 * the next one. The server's certificate and name are always verified.
 */

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { createSecureContext, type SecureVersion } from "node:tls";
import { StreamGateError } from "../errors.ts";
import { type CertificateLog, type NamedPath, tlsVersionMin } from "./certificate_files.ts";

export interface ClientPaths {
  /** Authorities of the server; absent: the system's. */
  readonly ca?: NamedPath | undefined;
  readonly cert?: NamedPath | undefined;
  readonly key?: NamedPath | undefined;
}

interface ClientFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface ClientTls extends ClientFiles {
  readonly servername?: string;
  readonly minVersion: SecureVersion;
  readonly rejectUnauthorized: true;
}

/**
 * @param host that is connected to: its certificate has to be for this name
 * @returns options for `tls.connect`; reading one of the three files' properties reads the file
 * @throws StreamGateError SG_TLS naming the setting, the file and OpenSSL's words
 */
export function clientTls(paths: ClientPaths, host: string, log: CertificateLog): ClientTls {
  let last = read(paths);
  let refused = "";
  const now = (): ClientFiles => {
    try {
      last = read(paths);
      refused = "";
    } catch (error) {
      // Halfway through a renewal: what was good before is shown once more.
      const { message } = error as Error;
      if (message !== refused) log.warn(`a changed certificate is not used, the one before goes on: ${message}`);
      refused = message;
    }
    return last;
  };
  const fixed = {
    // To an address no name is sent (RFC 6066 section 3), and the certificate has to name the address.
    ...(isIP(host) === 0 && { servername: host }),
    minVersion: tlsVersionMin,
    rejectUnauthorized: true,
  } as const;
  const parts = (["ca", "cert", "key"] as const).filter((part) => paths[part] !== undefined);
  // The first that is read reads all, so that certificate and key are of one moment.
  let together: ClientFiles = last;
  const getters = parts.map((part, index) => [
    part,
    {
      enumerable: true,
      get: () => {
        if (index === 0) together = now();
        return together[part];
      },
    },
  ]);
  return Object.defineProperties({ ...fixed }, Object.fromEntries(getters)) as ClientTls;
}

function read(paths: ClientPaths): ClientFiles {
  const files: ClientFiles = Object.fromEntries(
    (["ca", "cert", "key"] as const).flatMap((part) => {
      const named = paths[part];
      return named === undefined ? [] : [[part, readPem(named)]];
    }),
  );
  try {
    createSecureContext(files);
  } catch (error) {
    throw unfit(
      Object.values(paths)
        .flatMap((named: NamedPath | undefined) => (named === undefined ? [] : [`${named.setting} ${named.path}`]))
        .join(" and "),
      `OpenSSL refuses them: ${(error as Error).message}`,
      "give PEM files: authorities, a certificate with its chain, and the key that it was made for, without a passphrase",
    );
  }
  return files;
}

function readPem({ setting, path }: NamedPath): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw unfit(
      `${setting} ${path}`,
      `cannot be read: ${(error as Error).message}`,
      "name a PEM file that this process may read",
    );
  }
  // Of a file without any OpenSSL makes no authorities at all, and says nothing.
  if (!/-----BEGIN [A-Z0-9 ]*(CERTIFICATE|PRIVATE KEY)-----/.test(bytes.toString("latin1")))
    throw unfit(`${setting} ${path}`, "holds nothing in PEM", "give the file that the authority made, in PEM");
  return bytes;
}

function unfit(where: string, what: string, fix: string): StreamGateError {
  return new StreamGateError("SG_TLS", { where, what, fix });
}
