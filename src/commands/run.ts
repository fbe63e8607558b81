/**
 * `streamgate run`: both planes in one process. Publishing is a call into the data plane, unless Redis is configured: then both
 * planes meet there, as they do when they are split.
 */

import { readFileSync } from "node:fs";
import { EmbeddedBus } from "../bus/embedded.ts";
import { redisTarget } from "../bus/redis_target.ts";
import { Audit } from "../control/audit.ts";
import type { ControlServer } from "../control/server.ts";
import { Store } from "../control/store.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { selectEngine } from "../data/engine/select.ts";
import { DataPlane } from "../data/worker/data_plane.ts";
import { type OutputConfig, passthrough, readManifest } from "../manifest/manifest.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";
import type { RunMarker } from "../persistence/run_marker.ts";
import type { Settings } from "../settings/settings.ts";
import { log } from "../telemetry/process_log.ts";
import { serveControl } from "./control.ts";
import { followBus, markRun, openPorts } from "./data.ts";
import { opening } from "./opened.ts";
import { onShutdown } from "./shutdown.ts";

/**
 * Serves until a signal ends it.
 * @throws StreamGateError when a port, the data directory, its state or the engine cannot be had
 */
export async function command(settings: Settings): Promise<void> {
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  await opening(async (opened) => {
    const directory = await openDataDirectory(settings.dataDir);
    opened.add(() => directory.release());
    const store = await Store.open(directory.path);
    const plane = await DataPlane.start(settings, kind.name, log, directory.path);
    let marker: RunMarker | undefined;
    let started = false;
    opened.add(async () => (started ? marker?.close() : marker?.abandon()));
    opened.add(() => plane.close());
    marker = await markRun(directory.path, plane);
    const { former } = marker;
    const audit = new Audit(directory.path);
    const planes = {
      status: () => plane.status({ engine: kind.description, lastRun: former }),
      live: plane,
      testOutput: testOutputWith(kind, settings.allowMetadataOutputs),
    };
    let control: ControlServer | undefined;
    onShutdown(log, async () => {
      // Both at once: a request that never ends must not add to the time.
      await Promise.all([plane.drain(settings.shutdownTimeoutMs), control?.close()]);
      await opened.close();
    });
    const target = redisTarget(settings);
    if (target === undefined) {
      const bus = new EmbeddedBus((manifest) => plane.apply(manifest));
      await plane.apply(publishedManifest(store, kind));
      // The control API first: what it refuses to start for should not have let traffic in.
      control = await serveControl(settings, store, bus, kind, audit, planes);
      opened.add(control.close);
      await openPorts(plane, kind);
    } else {
      // Loaded only where it is used: the Redis client takes as much memory as a worker's records do.
      const [{ publishThroughRedis }, { subscribeThroughRedis }] = await Promise.all([
        import("../bus/redis_publisher.ts"),
        import("../bus/redis_subscriber.ts"),
      ]);
      const publisher = publishThroughRedis(target, log);
      opened.add(() => publisher.close());
      const subscriber = subscribeThroughRedis(target, log);
      opened.add(() => subscriber.close());
      control = await serveControl(settings, store, publisher, kind, audit, planes);
      opened.add(control.close);
      await followBus(plane, subscriber, kind, directory.path, target.name);
    }
    started = true;
    log.info(`data directory ${directory.path}`);
  });
}

/** What was published before the last stop; before the first publication every record passes to the console. */
function publishedManifest(store: Store, kind: EngineKind) {
  if (store.published === undefined) return passthrough;
  return readManifest(store.published, (pattern) => kind.checkPattern(pattern)).manifest;
}

/** Loaded when somebody asks for it: the HTTP client takes some 20 MB. */
function testOutputWith(kind: EngineKind, allowMetadata: boolean) {
  return async (config: OutputConfig) => {
    const { tryOutput } = await import("../data/delivery/trial.ts");
    const read = { env: (name: string) => process.env[name], file: (path: string) => readFileSync(path, "utf8") };
    return tryOutput(config, { kind, read, now: Date.now, allowMetadata });
  };
}
