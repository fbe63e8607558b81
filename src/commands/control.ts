/** `streamgate control`: the control API alone. Data planes learn of a publication through Redis. */

import type { Publisher } from "../bus/bus.ts";
import { redisTarget } from "../bus/redis_target.ts";
import { Audit } from "../control/audit.ts";
import { callsOf } from "../control/calls.ts";
import type { RouteContext } from "../control/routes/context.ts";
import { type ControlServer, startControl } from "../control/server.ts";
import { Sightings } from "../control/sightings.ts";
import { Store } from "../control/store.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { evaluate } from "../data/engine/evaluate.ts";
import { selectEngine } from "../data/engine/select.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";
import type { Settings } from "../settings/settings.ts";
import { log } from "../telemetry/process_log.ts";
import { opening } from "./opened.ts";
import { onShutdown } from "./shutdown.ts";

/**
 * Serves until a signal ends it.
 * @throws StreamGateError when the port, the data directory, its state or the engine that checks patterns cannot be had
 */
export async function command(settings: Settings): Promise<void> {
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
  plane: Pick<RouteContext, "status" | "live" | "testOutput"> = {},
): Promise<ControlServer> {
  const check = (pattern: string) => kind.checkPattern(pattern);
  const { controlHost: host, controlPort: port, shutdownTimeoutMs } = settings;
  const sightings = new Sightings();
  const control = await startControl({
    ...{ host, port, shutdownTimeoutMs, store, check, log },
    ...callsOf({ store, publisher, check, log, audit, sightings, ...plane }),
    evaluate: (plan, records) => evaluate(kind, plan, records),
    ...{ ...plane, audit, sightings },
    ...(settings.prices !== undefined && { price: settings.prices }),
  });
  if (settings.token !== undefined)
    log.warn("STREAMGATE_TOKEN is set, but this version does not ask for it: keep the port private");
  log.info(`control API on ${control.addresses.join(" and ")}, documentation at http://localhost:${control.port}/docs`);
  return control;
}
