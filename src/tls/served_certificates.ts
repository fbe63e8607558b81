/** The certificates that this process shows, for a metric: who serves one adds it. Apart from `certificate_files.ts`, so that a process without TLS loads none of it. */

export interface ServedCertificate {
  /** The setting that names its file, such as `CONTROL_TLS_CERT`. */
  readonly setting: string;
  /** When it ends, milliseconds since 1970. */
  readonly expiresAtMs: number;
}

export const servedCertificates = new Set<ServedCertificate>();
