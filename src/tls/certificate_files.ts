/**
 * The certificate, key and client authorities of a TLS server, from files that are read again when they change.
 *
 * Looked at every few seconds by their inode, size and time, not watched: a secret mounted into a container changes by a symbolic link
 * somewhere above it, which `fs.watch` does not see. Certificate and key are two files that are never replaced at one moment, so a pair
 * that does not fit is no error of a running server: what was good before goes on until the pair fits.
 */

import { X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { createSecureContext, type SecureVersion } from "node:tls";
import { type NamedPath, readNamed, unfit } from "./named_file.ts";
import { type ServedCertificate, servedCertificates } from "./served_certificates.ts";

/** Older ones are broken or forgotten: RFC 8996. */
export const tlsVersionMin: SecureVersion = "TLSv1.2";
const lookMsDefault = 5_000;
/** Most authorities rotate at two thirds of a certificate's life; of 90 days that leaves 30. */
const warnBeforeExpiryMs = 14 * 24 * 3600 * 1000;

/** Where the files lie, each with the setting that says so, for messages. */
export interface CertificatePaths {
  readonly cert: NamedPath;
  readonly key: NamedPath;
  /** Authorities of clients: where it is given, a client must show a certificate of one of them. */
  readonly clientCa?: NamedPath | undefined;
}

/** What `tls.createServer`, `https.createServer` and `setSecureContext` take. */
export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly minVersion: SecureVersion;
}

export interface CertificateLog {
  info(message: string): void;
  warn(message: string): void;
}

export class CertificateFiles implements ServedCertificate {
  readonly #paths: CertificatePaths;
  readonly #log: CertificateLog;
  readonly #listeners = new Set<(tls: ServerTls) => void>();
  readonly #timer: NodeJS.Timeout;
  #stamp: string;
  #current: ServerTls;
  /** Said once for each cause. */
  #refused = "";

  /**
   * Reads and checks the files. Sockets that are open keep the certificate that they were opened with.
   * @param lookMs how often it looks whether they have changed
   * @throws StreamGateError SG_TLS naming the setting, the file and OpenSSL's words
   */
  constructor(paths: CertificatePaths, log: CertificateLog, lookMs: number = lookMsDefault) {
    this.#paths = paths;
    this.#log = log;
    this.#stamp = this.#stampNow();
    this.#current = read(paths);
    this.#warnOfExpiry();
    this.#timer = setInterval(() => this.look(), lookMs).unref();
    servedCertificates.add(this);
  }

  get setting(): string {
    return this.#paths.cert.setting;
  }

  /** As of the last look. */
  get current(): ServerTls {
    return this.#current;
  }

  /** When the certificate ends, milliseconds since 1970: for a metric. */
  get expiresAtMs(): number {
    return new X509Certificate(this.#current.cert).validToDate.getTime();
  }

  /** @param use called with what is to be served from now on, as in `(tls) => server.setSecureContext(tls)`. @returns ends that */
  onChange(use: (tls: ServerTls) => void): () => void {
    this.#listeners.add(use);
    return () => this.#listeners.delete(use);
  }

  /** Looks now; never throws. */
  look(): void {
    const stamp = this.#stampNow();
    if (stamp === this.#stamp) return;
    let next: ServerTls;
    try {
      next = read(this.#paths);
    } catch (error) {
      // The stamp stays the old one, so that the next look tries again.
      const { message } = error as Error;
      if (message !== this.#refused)
        this.#log.warn(`a changed certificate is not used, the one before goes on: ${message}`);
      this.#refused = message;
      return;
    }
    this.#refused = "";
    this.#stamp = stamp;
    const same = (["cert", "key", "ca"] as const).every((part) => sameBytes(this.#current[part], next[part]));
    if (same) return;
    this.#current = next;
    for (const use of this.#listeners) use(next);
    this.#log.info(`${this.#paths.cert.setting}: serving the changed certificate`);
    this.#warnOfExpiry();
  }

  close(): void {
    clearInterval(this.#timer);
    servedCertificates.delete(this);
    this.#listeners.clear();
  }

  #stampNow(): string {
    return namedPaths(this.#paths)
      .map(({ path }) => {
        try {
          const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
          return `${dev}.${ino}.${size}.${mtimeNs}`;
        } catch (error) {
          return (error as Error).message;
        }
      })
      .join(" ");
  }

  #warnOfExpiry(): void {
    const at = this.expiresAtMs;
    if (at - Date.now() > warnBeforeExpiryMs) return;
    const { setting, path } = this.#paths.cert;
    this.#log.warn(`${setting} ${path}: ${at < Date.now() ? "has ended" : "ends"} at ${new Date(at).toISOString()}`);
  }
}

function read({ cert, key, clientCa }: CertificatePaths): ServerTls {
  const certBytes = readPem(cert, "CERTIFICATE");
  const keyBytes = readPem(key, "PRIVATE KEY");
  const ca = clientCa === undefined ? undefined : readPem(clientCa, "CERTIFICATE");
  const tls: ServerTls = {
    cert: certBytes,
    key: keyBytes,
    ...(ca !== undefined && { ca }),
    requestCert: ca !== undefined,
    rejectUnauthorized: ca !== undefined,
    minVersion: tlsVersionMin,
  };
  try {
    createSecureContext(tls);
    // Read besides: of a chain whose first certificate is damaged OpenSSL may serve nothing and say so only to clients.
    new X509Certificate(certBytes);
  } catch (error) {
    throw unfit(
      `${cert.setting} ${cert.path} and ${key.setting} ${key.path}`,
      `OpenSSL refuses them: ${(error as Error).message}`,
      "give a certificate with its chain, and the key that it was made for, both PEM and without a passphrase",
    );
  }
  return tls;
}

function readPem(named: NamedPath, holds: string): Buffer {
  const bytes = readNamed(named);
  const where = `${named.setting} ${named.path}`;
  // `EC PRIVATE KEY` and `RSA PRIVATE KEY` too; of an encrypted one there is nobody to ask for the passphrase.
  if (bytes.includes("ENCRYPTED"))
    throw unfit(where, "is encrypted with a passphrase", "give it without: openssl pkey -in KEY -out PLAIN");
  if (!new RegExp(`-----BEGIN [A-Z0-9 ]*${holds}-----`).test(bytes.toString("latin1")))
    throw unfit(where, `holds no ${holds} in PEM`, "give the file that the authority made, in PEM");
  return bytes;
}

function namedPaths({ cert, key, clientCa }: CertificatePaths): NamedPath[] {
  return [cert, key, ...(clientCa === undefined ? [] : [clientCa])];
}

function sameBytes(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined ? other === undefined : other !== undefined && one.equals(other);
}
