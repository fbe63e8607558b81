/**
 * `streamgate healthcheck`: whether the process on this machine is alive, for a container's HEALTHCHECK. Asks the control port and the
 * admin port, since an image runs either plane, and is content when one of them answers `/healthz`.
 */

import { request as plain } from "node:http";
import { request as secured } from "node:https";
import { adminPortDefault, type Settings } from "../settings/settings.ts";

type Ports = Pick<Settings, "controlPort" | "adminPort" | "controlTlsCert" | "adminTlsCert">;

/** What a port says that asks for a certificate (CONTROL_TLS_CLIENT_CA), which this command has none of: that it says so is life enough. */
const asksForCertificate = "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED";

const timeoutMs = 2_000;

/** @returns exit status 0, or 1 when neither answers; then it says why */
export async function command({ controlPort, adminPort, controlTlsCert, adminTlsCert }: Ports): Promise<number> {
  const places = [
    { port: controlPort, tls: controlTlsCert !== undefined },
    { port: adminPort ?? adminPortDefault, tls: adminTlsCert !== undefined },
  ];
  const answers = await Promise.all(places.map(ask));
  if (answers.includes(undefined)) return 0;
  process.stderr.write(`streamgate: ${places.map(({ port }, at) => `port ${port}: ${answers[at]}`).join("; ")}\n`);
  return 1;
}

/** @returns why it is not alive there; undefined: it is */
function ask({ port, tls }: { port: number; tls: boolean }): Promise<string | undefined> {
  const options = { host: "127.0.0.1", port, path: "/healthz", timeout: timeoutMs, agent: false } as const;
  return new Promise((resolve) => {
    // It asks itself, on the loopback address, and sends nothing: the certificate is for the names that others use.
    const request = tls ? secured({ ...options, rejectUnauthorized: false }) : plain(options);
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? undefined : `answers ${response.statusCode}`);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    request.on("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === asksForCertificate ? undefined : error.message),
    );
    request.end();
  });
}
