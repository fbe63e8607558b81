/**
 * `streamgate healthcheck`: whether the process on this machine is alive, for a container's HEALTHCHECK. Asks the control port and the
 * admin port at the addresses that they listen on, since an image runs either plane, and is content when one of them answers `/healthz`.
 */

import { request as plain } from "node:http";
import { request as secured } from "node:https";
import { adminPortDefault, type Settings } from "../settings/settings.ts";

type Ports = Pick<
  Settings,
  | ("controlHost" | "controlPort" | "controlTlsCert" | "controlTlsClientCa")
  | ("adminHost" | "adminPort" | "adminTlsCert" | "adminTlsClientCa")
>;

interface Place {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Whoever asks has to show a certificate, and this command has none: that it shakes hands is all that can be seen. */
  readonly demandsClients: boolean;
}

const timeoutMs = 2_000;

/** @returns exit status 0, or 1 when neither answers; then it says why */
export async function command(ports: Ports): Promise<number> {
  const { controlHost, controlPort, controlTlsCert, controlTlsClientCa } = ports;
  const { adminHost, adminPort = adminPortDefault, adminTlsCert, adminTlsClientCa } = ports;
  const place = (host: string, port: number, cert: string | undefined, clientCa: string | undefined): Place => ({
    ...{ host: reachable(host), port, tls: cert !== undefined, demandsClients: clientCa !== undefined },
  });
  const places = [
    place(controlHost, controlPort, controlTlsCert, controlTlsClientCa),
    place(adminHost, adminPort, adminTlsCert, adminTlsClientCa),
  ];
  const answers = await Promise.all(places.map(ask));
  if (answers.includes(undefined)) return 0;
  process.stderr.write(`streamgate: ${places.map(({ port }, at) => `port ${port}: ${answers[at]}`).join("; ")}\n`);
  return 1;
}

/** Where a port that listens at `host` can be asked: every address is the loopback one, too. */
function reachable(host: string): string {
  return host === "::" ? "::1" : host === "localhost" || host === "0.0.0.0" ? "127.0.0.1" : host;
}

/** @returns why it is not alive there; undefined: it is */
function ask({ host, port, tls, demandsClients }: Place): Promise<string | undefined> {
  const options = { host, port, path: "/healthz", timeout: timeoutMs, agent: false } as const;
  return new Promise((resolve) => {
    // It asks itself, on this machine, and sends nothing: the certificate is for the names that others use.
    const request = tls ? secured({ ...options, rejectUnauthorized: false }) : plain(options);
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? undefined : `answers ${response.statusCode}`);
    });
    if (demandsClients)
      request.on("socket", (socket) =>
        socket.once("secureConnect", () => {
          resolve(undefined);
          request.destroy();
        }),
      );
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    request.on("error", (error) => resolve(error.message));
    request.end();
  });
}
