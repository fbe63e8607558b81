/** `streamgate control`: the control API alone. Data planes learn of a publication through Redis. */

import type { PlaneReports, Publisher } from "../bus/bus.ts";
import { redisTarget } from "../bus/redis_target.ts";
import { Audit } from "../control/audit.ts";
import { Authentication, isLoopback } from "../control/auth/authentication.ts";
import { type Calls, callsOf } from "../control/calls.ts";
import { watchPlanes } from "../control/plane_watch.ts";
import { Planes } from "../control/planes.ts";
import type { RouteContext } from "../control/routes/context.ts";
import { type ControlServer, startControl } from "../control/server.ts";
import { Sightings } from "../control/sightings.ts";
import { statusOf } from "../control/status_page.ts";
import { Store } from "../control/store.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { evaluate } from "../data/engine/evaluate.ts";
import { selectEngine } from "../data/engine/select.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";
import type { Settings } from "../settings/settings.ts";
import { configureLog, log } from "../telemetry/process_log.ts";
import { controlTelemetry } from "../telemetry/telemetry.ts";
import { openCertificates } from "../tls/open_certificates.ts";
import { openGrpc } from "./grpc_port.ts";
import { type Opened, opening } from "./opened.ts";
import { onShutdown } from "./shutdown.ts";
import { signedManifests, signedReports } from "./signing.ts";

/**
 * Serves until a signal ends it.
 * @throws StreamGateError when the port, the data directory, its state or the engine that checks patterns cannot be had
 */
export async function command(settings: Settings): Promise<void> {
  configureLog(settings);
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  const target = redisTarget({ ...settings, redisHost: settings.redisHost ?? "localhost" }, log)!;
  await opening(async (opened) => {
    const directory = await openDataDirectory(settings.dataDir);
    opened.add(() => directory.release());
    const store = await Store.open(directory.path);
    // Not with this file: `run` uses it without Redis.
    const [{ publishThroughRedis }, { reportsThroughRedis }] = await Promise.all([
      import("../bus/redis_publisher.ts"),
      import("../bus/redis_reports.ts"),
    ]);
    const publisher = publishThroughRedis(target, log, signedManifests(settings));
    opened.add(() => publisher.close());
    const audit = new Audit(directory.path);
    const reports = reportsThroughRedis(target, log, signedReports(settings));
    const planes = watchedPlanes(reports, directory.path, opened);
    const shown = { telemetry: controlTelemetry(kind), planes };
    const authentication = new Authentication(settings, log);
    const server = await serveControl(settings, store, publisher, kind, audit, shown, authentication);
    opened.add(server.close);
    onShutdown(log, () => opened.close());
    log.info(`data directory ${directory.path}, publishing through ${target.name}`);
  });
}

/** The data planes that report; what they do by themselves is written into the log and a file. */
export function watchedPlanes(reports: PlaneReports, directory: string, opened: Opened): Planes {
  opened.add(() => reports.close());
  const planes = new Planes(reports);
  const unwatch = watchPlanes({ planes, log, directory });
  opened.add(async () => unwatch());
  return planes;
}

/**
 * Opens the control API and says where it is.
 * @throws StreamGateError SG_PORT_IN_USE, SG_SETTING
 */
export async function serveControl(
  settings: Settings,
  store: Store,
  publisher: Publisher,
  kind: EngineKind,
  audit: Audit,
  {
    grpcWhenAsked = false,
    ...plane
  }: Pick<RouteContext, "telemetry" | "live" | "testOutput" | "planes" | "tails"> & {
    /** No gRPC API on its default port. */
    readonly grpcWhenAsked?: boolean;
  },
  authentication: Authentication,
): Promise<ControlServer & Calls> {
  const check = (pattern: string) => kind.checkPattern(pattern);
  const { controlHost: host, controlPort: port, shutdownTimeoutMs, controlAllowedHosts: allowedHosts } = settings;
  const { controlTlsCert: cert, controlTlsKey: key, controlTlsClientCa: clientCa } = settings;
  const tls = await openCertificates("CONTROL_TLS", { cert, key, clientCa }, log);
  const sightings = new Sightings();
  const { allowMetadataOutputs } = settings;
  const calls = callsOf({ store, publisher, check, log, audit, sightings, allowMetadataOutputs, ...plane });
  const control = await startControl({
    ...{ host, port, shutdownTimeoutMs, store, check, log, authentication, allowedHosts },
    ...(tls !== undefined && { tls }),
    ...calls,
    evaluate: (plan, records) => evaluate(kind, plan, records),
    ...{ ...plane, audit, sightings },
    ...(settings.prices !== undefined && { price: settings.prices }),
  });
  if (authentication.required && tls === undefined && !isLoopback(host))
    log.warn("tokens come to the control API in plain text: set CONTROL_TLS_CERT and CONTROL_TLS_KEY");
  const scheme = tls === undefined ? "http" : "https";
  log.info(
    `control API on ${control.addresses.join(" and ")}, documentation at ${scheme}://localhost:${control.port}/docs`,
  );
  const openGrpcPort = grpcWhenAsked && settings.grpcPort === undefined ? async () => undefined : openGrpc;
  const grpc = await openGrpcPort(settings, {
    ...{ ...calls, authentication },
    ...(tls !== undefined && { tls }),
    status: () => statusOf({ ...plane, store }),
    planes: async () => (await plane.planes?.list(store.published?.version)) ?? [],
    readiness: () => plane.telemetry?.readiness().ready ?? true,
  }).catch(async (error: unknown) => {
    await control.close();
    throw error;
  });
  const close = async () => {
    await Promise.all([control.close(), grpc?.close()]);
  };
  return { ...control, ...calls, close };
}
