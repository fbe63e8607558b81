/** Opens the certificate that a port shows, where its settings name one. A process without TLS loads nothing of `certificate_files.ts`. */

import type { CertificateFiles, CertificateLog } from "./certificate_files.ts";

/**
 * @param setting what the settings' names begin with, such as `CONTROL_TLS`
 * @param paths as they were given; without a certificate and its key there is no TLS
 * @throws StreamGateError SG_TLS
 */
export async function openCertificates(
  setting: string,
  { cert, key, clientCa }: Record<"cert" | "key" | "clientCa", string | undefined>,
  log: CertificateLog,
): Promise<CertificateFiles | undefined> {
  if (cert === undefined || key === undefined) return undefined;
  const { CertificateFiles } = await import("./certificate_files.ts");
  return new CertificateFiles(
    {
      cert: { setting: `${setting}_CERT`, path: cert },
      key: { setting: `${setting}_KEY`, path: key },
      ...(clientCa !== undefined && { clientCa: { setting: `${setting}_CLIENT_CA`, path: clientCa } }),
    },
    log,
  );
}
