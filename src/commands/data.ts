/** `streamgate data`: the data plane alone. Its manifest comes from Redis, or from the last good one on disk while Redis is away. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Subscriber } from "../bus/bus.ts";
import { keepLastGood, readLastGood } from "../bus/last_good.ts";
import { redisTarget } from "../bus/redis_target.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { selectEngine } from "../data/engine/select.ts";
import { DataPlane } from "../data/worker/data_plane.ts";
import { canonical } from "../manifest/canonical.ts";
import { type PatternChecker, passthrough, readManifest } from "../manifest/manifest.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";
import { RunMarker } from "../persistence/run_marker.ts";
import type { Settings } from "../settings/settings.ts";
import { configureLog, log } from "../telemetry/process_log.ts";
import { serveAdmin, telemetryOf } from "./admin.ts";
import { ConfigurationFile, type ReadConfiguration, twoSources } from "./configuration_file.ts";
import { type Opened, opening } from "./opened.ts";
import { onShutdown } from "./shutdown.ts";

/** Of a manifest that is refused anybody may have written anything as its version. */
const versionShownMax = 64;

/**
 * Serves until a signal ends it.
 * @throws StreamGateError when a port, the data directory or the engine cannot be had
 */
export async function command(settings: Settings): Promise<void> {
  configureLog(settings);
  if (settings.config !== undefined) return runFile(settings, settings.config);
  const target = redisTarget({ ...settings, redisHost: settings.redisHost ?? "localhost" })!;
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  await opening(async (opened) => {
    const { plane, directory } = await openPlane(settings, kind, opened);
    // Not with this file: `run` uses it without Redis.
    const { subscribeThroughRedis } = await import("../bus/redis_subscriber.ts");
    const subscriber = subscribeThroughRedis(target, log);
    opened.add(() => subscriber.close());
    onShutdown(log, async () => {
      await subscriber.close();
      await plane.drain(settings.shutdownTimeoutMs);
      await opened.close();
    });
    await followBus(plane, subscriber, kind, directory, target.name);
  });
}

/** A data plane with its directory, its run marked there, and its admin port. */
async function openPlane(
  settings: Settings,
  kind: EngineKind,
  opened: Opened,
  file?: ConfigurationFile,
): Promise<{ plane: DataPlane; directory: string }> {
  // A directory of its own within the data directory, so that `control` and `data` can be tried side by side.
  const directory = await openDataDirectory(join(settings.dataDir, "data"));
  opened.add(() => directory.release());
  let marker: RunMarker | undefined;
  opened.add(async () => (opened.complete ? marker?.close() : marker?.abandon()));
  const plane = await DataPlane.start(settings, kind.name, log, directory.path);
  opened.add(() => plane.close());
  marker = await markRun(directory.path, plane);
  const telemetry = telemetryOf(plane, kind, marker.former, file);
  opened.add(telemetry.close);
  // First of all: while there is no manifest it says that it is alive and not ready.
  const admin = await serveAdmin(settings, plane, kind, telemetry);
  opened.add(async () => admin?.close());
  return { plane, directory: directory.path };
}

/** Without any bus: what the file says runs, now and when it changes. */
async function runFile(settings: Settings, path: string): Promise<void> {
  if (redisTarget(settings) !== undefined) throw twoSources(path);
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  const file = new ConfigurationFile(path, (pattern) => kind.checkPattern(pattern), log);
  await opening(async (opened) => {
    const { plane } = await openPlane(settings, kind, opened, file);
    onShutdown(log, async () => {
      await file.close();
      await plane.drain(settings.shutdownTimeoutMs);
      await opened.close();
    });
    const run = async ({ manifest: raw }: ReadConfiguration) => {
      // Nobody counts versions of a file: planes that read the same say the same.
      const version = `file-${createHash("sha256").update(canonical(raw)).digest("hex").slice(0, 8)}`;
      await plane.apply(readManifest({ ...raw, version }, (pattern) => kind.checkPattern(pattern)).manifest);
      return version;
    };
    const version = await run(file.first);
    opened.add(() => file.close());
    await openPorts(plane, kind);
    file.follow(run);
    log.info(`running ${path} as version ${version}`);
  });
}

/**
 * Runs what the bus holds, now and from now on; listens as soon as there is a manifest to run.
 *
 * With Redis there and no manifest in it, the last good one runs, or records pass to the console. With Redis away and no last good
 * one, nothing listens: nothing may leave that a protect rule was meant to hold.
 * @throws StreamGateError when the ports cannot be opened
 */
export async function followBus(
  plane: DataPlane,
  subscriber: Subscriber,
  kind: EngineKind,
  dataDirectory: string,
  busName: string,
): Promise<void> {
  const check = (pattern: string) => kind.checkPattern(pattern);
  let listening: Promise<void> | undefined;
  let failure: Error | undefined;
  let started = false;
  const listen = () => {
    listening ??= openPorts(plane, kind);
    return listening;
  };
  const runLastGood = async (): Promise<boolean> => {
    let raw: unknown;
    try {
      raw = await readLastGood(dataDirectory);
      if (raw === undefined) return false;
      await plane.apply(readManifest(raw, check).manifest);
    } catch (error) {
      log.error(`the last good manifest cannot run: ${(error as Error).message}`);
      return false;
    }
    return true;
  };

  await subscriber.start(async (raw) => {
    if (raw === undefined) {
      if (await runLastGood()) {
        log.warn(`${busName} holds no manifest; running with the last good one`);
      } else {
        log.info(`${busName} holds no manifest yet; records pass to the console`);
        await plane.apply(passthrough);
      }
    } else {
      const { manifest, warnings } = readOr(raw, check, (version, error) => plane.refused(version, error));
      for (const warning of warnings) log.warn(`manifest: ${warning}`);
      await plane.apply(manifest);
      await keepLastGood(dataDirectory, manifest);
      log.info(`running manifest version ${manifest.version}`);
    }
    // The bus logs what a manifest is refused for; a port that cannot be had is not the manifest's fault.
    await listen().catch((error: Error) => {
      listening = undefined;
      failure = error;
      if (started) log.error(error.message);
    });
  });
  started = true;
  if (failure !== undefined) throw failure;
  if (listening !== undefined) return;
  if (await runLastGood()) {
    log.warn(`${busName} gave no manifest to run; running with the last good one`);
    await listen();
    return;
  }
  log.error(`${busName} gave no manifest to run and there is no last good one: not listening until it does`);
}

function readOr(
  raw: unknown,
  check: PatternChecker,
  refused: (version: string | undefined, error: Error) => void,
): ReturnType<typeof readManifest> {
  try {
    return readManifest(raw, check);
  } catch (error) {
    const version = (raw as { version?: unknown } | null)?.version;
    refused(typeof version === "string" ? version.slice(0, versionShownMax) : undefined, error as Error);
    throw error;
  }
}

/** Begins a run in a data directory: says how the one before it ended, and leaves word of what a kill would cost. */
export async function markRun(directory: string, plane: DataPlane): Promise<RunMarker> {
  const marker = await RunMarker.open(
    directory,
    () => plane.inMemory(),
    () => plane.memoryBytesMax,
  );
  const { stop, unaccounted_at_most: most, last_seen: last } = marker.former;
  if (stop === "unclean")
    log.warn(
      {
        ...(most !== undefined && { bytesAtMost: most.bytes }),
        ...(last !== undefined && { recordsSeen: last.records }),
      },
      "unclean stop: records that the last run had in memory and not on disk are unaccounted",
    );
  return marker;
}

/** Opens the ports and says so. */
export async function openPorts(plane: DataPlane, kind: EngineKind): Promise<void> {
  const { tcpPort, udpPort } = await plane.listen();
  log.info(
    { tcpPort, udpPort, workers: plane.workers, engine: kind.description },
    `listening on TCP ${tcpPort} and UDP ${udpPort}`,
  );
}
