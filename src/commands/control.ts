/** `streamgate control`: the control API alone. Data planes learn of a publication through Redis. */

import type { Publisher } from "../bus/bus.ts";
import { redisTarget } from "../bus/redis_target.ts";
import { Audit } from "../control/audit.ts";
import { Authentication, isLoopback } from "../control/auth/authentication.ts";
import { type Calls, callsOf } from "../control/calls.ts";
import type { RouteContext } from "../control/routes/context.ts";
import { type ControlServer, startControl } from "../control/server.ts";
import { Sightings } from "../control/sightings.ts";
import { Store } from "../control/store.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { evaluate } from "../data/engine/evaluate.ts";
import { selectEngine } from "../data/engine/select.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";
import type { Settings } from "../settings/settings.ts";
import { configureLog, log } from "../telemetry/process_log.ts";
import { controlTelemetry } from "../telemetry/telemetry.ts";
import type { CertificateFiles } from "../tls/certificate_files.ts";
import { opening } from "./opened.ts";
import { onShutdown } from "./shutdown.ts";

/**
 * Serves until a signal ends it.
 * @throws StreamGateError when the port, the data directory, its state or the engine that checks patterns cannot be had
 */
export async function command(settings: Settings): Promise<void> {
  configureLog(settings);
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  const target = redisTarget({ ...settings, redisHost: settings.redisHost ?? "localhost" })!;
  await opening(async (opened) => {
    const directory = await openDataDirectory(settings.dataDir);
    opened.add(() => directory.release());
    const store = await Store.open(directory.path);
    // Not with this file: `run` uses it without Redis.
    const { publishThroughRedis } = await import("../bus/redis_publisher.ts");
    const publisher = publishThroughRedis(target, log);
    opened.add(() => publisher.close());
    const server = await serveControl(settings, store, publisher, kind, new Audit(directory.path));
    opened.add(server.close);
    onShutdown(log, () => opened.close());
    log.info(`data directory ${directory.path}, publishing through ${target.name}`);
  });
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
  plane: Pick<RouteContext, "telemetry"> & Partial<Pick<RouteContext, "live" | "testOutput">> = {
    telemetry: controlTelemetry(kind),
  },
): Promise<ControlServer & Calls> {
  const check = (pattern: string) => kind.checkPattern(pattern);
  const { controlHost: host, controlPort: port, shutdownTimeoutMs, controlAllowedHosts: allowedHosts } = settings;
  const authentication = new Authentication(settings, log);
  const tls = await controlTls(settings);
  const sightings = new Sightings();
  const calls = callsOf({ store, publisher, check, log, audit, sightings, ...plane });
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
  return { ...control, ...calls };
}

/** Loaded where it is used. */
async function controlTls(settings: Settings): Promise<CertificateFiles | undefined> {
  const { controlTlsCert: cert, controlTlsKey: key, controlTlsClientCa: clientCa } = settings;
  if (cert === undefined || key === undefined) return undefined;
  const { CertificateFiles } = await import("../tls/certificate_files.ts");
  return new CertificateFiles(
    {
      cert: { setting: "CONTROL_TLS_CERT", path: cert },
      key: { setting: "CONTROL_TLS_KEY", path: key },
      ...(clientCa !== undefined && { clientCa: { setting: "CONTROL_TLS_CLIENT_CA", path: clientCa } }),
    },
    log,
  );
}
