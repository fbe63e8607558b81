/** Opens the port of the gRPC API, on the addresses of the control API. */

import { listenForGrpc } from "../control/grpc/listener.ts";
import type { GrpcContext } from "../control/grpc/server.ts";
import { StreamGateError } from "../errors.ts";
import { grpcPortDefault, type Settings } from "../settings/settings.ts";
import { log } from "../telemetry/process_log.ts";
import type { CertificateFiles } from "../tls/certificate_files.ts";

/** The slowest call is a publication, which gives up on Redis within about this time. */
const closeTimeoutMsMax = 3_000;

export interface GrpcPort {
  readonly port: number;
  /** Calling it twice does no harm. */
  close(): Promise<void>;
}

/**
 * @returns undefined: nobody asked for a port, and the default one is taken; a warning says so
 * @throws StreamGateError SG_PORT_IN_USE, SG_SETTING
 */
export async function openGrpc(
  settings: Pick<Settings, "controlHost" | "grpcPort" | "shutdownTimeoutMs">,
  { tls, ...context }: Omit<GrpcContext, "log"> & { readonly tls?: CertificateFiles },
): Promise<GrpcPort | undefined> {
  const { controlHost: host, grpcPort: asked, shutdownTimeoutMs } = settings;
  try {
    const listener = await listenForGrpc({
      ...{ host, port: asked ?? grpcPortDefault, log },
      ...(tls !== undefined && { tls }),
      load: async (clients) => {
        const { createGrpcServer } = await import("../control/grpc/server.ts");
        return createGrpcServer({ ...context, log }, clients);
      },
    });
    log.info(`gRPC API on ${listener.addresses.join(" and ")}`);
    return { port: listener.port, close: () => listener.close(Math.min(closeTimeoutMsMax, shutdownTimeoutMs)) };
  } catch (error) {
    const taken = error instanceof StreamGateError && error.code === "SG_PORT_IN_USE";
    if (!taken || asked !== undefined) throw error;
    log.warn(`${error.message}; running without the gRPC API`);
    return undefined;
  }
}
