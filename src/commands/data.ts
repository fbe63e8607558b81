/** `streamgate data`: the data plane alone. Its manifest comes from Redis, or from the last good one on disk while Redis is away. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Subscriber } from "../bus/bus.ts";
import { keepLastGood, readLastGood } from "../bus/last_good.ts";
import { LocalReports } from "../bus/local_reports.ts";
import { redisTarget } from "../bus/redis_target.ts";
import type { SignedManifests } from "../bus/signed_manifests.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { selectEngine } from "../data/engine/select.ts";
import { DataPlane } from "../data/worker/data_plane.ts";
import { canonical } from "../manifest/canonical.ts";
import { passthrough } from "../manifest/manifest.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";
import { RunMarker } from "../persistence/run_marker.ts";
import type { Settings } from "../settings/settings.ts";
import { configureLog, log } from "../telemetry/process_log.ts";
import { serveAdmin, telemetryOf } from "./admin.ts";
import { ConfigurationFile, type ReadConfiguration, twoSources } from "./configuration_file.ts";
import { localTail } from "./local_tail.ts";
import { type Opened, opening } from "./opened.ts";
import { ReportingPlane } from "./reporting_plane.ts";
import { onShutdown } from "./shutdown.ts";
import { signedManifests, signedReports } from "./signing.ts";

/**
 * Serves until a signal ends it.
 * @throws StreamGateError when a port, the data directory or the engine cannot be had
 */
export async function command(settings: Settings): Promise<void> {
  configureLog(settings);
  if (settings.config !== undefined) return runFile(settings, settings.config);
  const target = redisTarget({ ...settings, redisHost: settings.redisHost ?? "localhost" }, log)!;
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  await opening(async (opened) => {
    const { plane, directory } = await openPlane(settings, kind, opened);
    // Not with this file: `run` uses it without Redis.
    const [{ subscribeThroughRedis }, { reportThroughRedis }] = await Promise.all([
      import("../bus/redis_subscriber.ts"),
      import("../bus/redis_reports.ts"),
    ]);
    const subscriber = subscribeThroughRedis(target, log);
    opened.add(() => subscriber.close());
    const reporter = reportThroughRedis(target, signedReports(settings));
    opened.add(() => reporter.close());
    const reporting = await ReportingPlane.open({ settings, plane, kind, directory, reporter });
    opened.add(() => reporting.close());
    onShutdown(log, async () => {
      await Promise.all([subscriber.close(), reporter.close(), reporting.close()]);
      await plane.drain(settings.shutdownTimeoutMs);
      await opened.close();
    });
    const signed = signedManifests(settings);
    const busName = target.name;
    await followBus({ plane, reporting, subscriber, kind, dataDirectory: directory, busName, signed });
  });
}

/**
 * A data plane with its directory, its run marked there, and its admin port.
 * @param adminWhenAsked no admin port on its default one
 */
export async function openPlane(
  settings: Settings,
  kind: EngineKind,
  opened: Opened,
  { file, adminWhenAsked = false }: { file?: ConfigurationFile; adminWhenAsked?: boolean } = {},
): Promise<{ plane: DataPlane; directory: string; telemetry: ReturnType<typeof telemetryOf> }> {
  // A directory of its own within the data directory, so that `control` and `data` can be tried side by side.
  const directory = await openDataDirectory(join(settings.dataDir, "data"));
  opened.add(() => directory.release());
  let marker: RunMarker | undefined;
  opened.add(async () => (opened.complete ? marker?.close() : marker?.abandon()));
  const plane = await DataPlane.start(settings, kind.name, log, directory.path);
  opened.add(() => plane.close());
  marker = await markRun(directory.path, plane);
  const telemetry = telemetryOf(plane, kind, marker.former, () => (file === undefined ? {} : { config: file.status }));
  opened.add(telemetry.close);
  // First of all: while there is no manifest it says that it is alive and not ready.
  const tail = localTail(plane, kind);
  const serves = !adminWhenAsked || settings.adminPort !== undefined;
  const admin = serves ? await serveAdmin(settings, plane, kind, telemetry, { tail }) : undefined;
  opened.add(async () => {
    tail.close();
    await admin?.close();
  });
  return { plane, directory: directory.path, telemetry };
}

export interface Following {
  readonly plane: DataPlane;
  readonly reporting: ReportingPlane;
  readonly subscriber: Subscriber;
  readonly kind: EngineKind;
  readonly dataDirectory: string;
  readonly busName: string;
  /** Absent: unsigned manifests run. */
  readonly signed: SignedManifests | undefined;
}

/** Without any bus: what the file says runs, now and when it changes. */
async function runFile(settings: Settings, path: string): Promise<void> {
  if (redisTarget(settings) !== undefined) throw twoSources(path);
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  const file = new ConfigurationFile(path, (pattern) => kind.checkPattern(pattern), log);
  await opening(async (opened) => {
    const { plane, directory } = await openPlane(settings, kind, opened, { file });
    onShutdown(log, async () => {
      await file.close();
      await plane.drain(settings.shutdownTimeoutMs);
      await opened.close();
    });
    // Nobody hears the reports of a plane without a bus, but for /status.
    const parts = { settings, plane, kind, directory };
    const reporting = await ReportingPlane.open({ ...parts, reporter: new LocalReports() });
    opened.add(() => reporting.close());
    const run = async ({ manifest: raw }: ReadConfiguration) => {
      // Nobody counts versions of a file: planes that read the same say the same.
      const version = `file-${createHash("sha256").update(canonical(raw)).digest("hex").slice(0, 8)}`;
      await reporting.run({ ...raw, version });
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
 * With Redis there and no manifest in it, the last good one runs, or records pass to the console where there never was one. With Redis
 * away and no last good one, with one that cannot run, and with none where only signed ones may, nothing listens: nothing may leave
 * that a protect rule was meant to hold.
 * @throws StreamGateError when the ports cannot be opened
 */
export async function followBus({
  plane,
  reporting,
  subscriber,
  kind,
  dataDirectory,
  busName,
  signed,
}: Following): Promise<void> {
  await rememberLastGood(signed, dataDirectory);
  /** Whether the bus was found without a manifest: then the last good one has had its turn. */
  let triedLastGood = false;
  let listening: Promise<void> | undefined;
  let failure: Error | undefined;
  let started = false;
  const listen = () => {
    listening ??= openPorts(plane, kind);
    return listening;
  };
  const runLastGood = async (): Promise<"none" | "runs" | "refused"> => {
    try {
      const raw = await readLastGood(dataDirectory);
      if (raw === undefined) return "none";
      await reporting.run(raw, { admit: (one) => signed?.admitLastGood(one) });
    } catch (error) {
      log.error(`the last good manifest cannot run: ${(error as Error).message}`);
      return "refused";
    }
    return "runs";
  };

  const follow = async (raw: unknown) => {
    if (raw === undefined) {
      const lastGood = await runLastGood();
      triedLastGood = true;
      if (lastGood === "runs") {
        log.warn(`${busName} holds no manifest; running with the last good one`);
      } else if (lastGood === "refused") {
        log.error(
          `${busName} holds no manifest and the last good one cannot run: not listening until it does; publish`,
        );
        return;
      } else if (signed !== undefined) {
        log.error(
          `${busName} holds no manifest, and only a signed one may run (MANIFEST_KEY): not listening until it does; publish`,
        );
        return;
      } else {
        log.info(`${busName} holds no manifest yet; records pass to the console`);
        await reporting.run(passthrough);
      }
    } else {
      const manifest = await reporting.run(raw, {
        admit: (one) => signed?.admit(one),
        keep: () => keepLastGood(dataDirectory, raw),
      });
      log.info(`running manifest version ${manifest.version}`);
    }
    // The bus logs what a manifest is refused for; a port that cannot be had is not the manifest's fault.
    await listen().catch((error: Error) => {
      listening = undefined;
      failure = error;
      if (started) log.error(error.message);
    });
  };
  await subscriber.start(follow, (error) => void reporting.unreadable(error));
  started = true;
  if (failure !== undefined) throw failure;
  if (listening !== undefined) return;
  if (!triedLastGood && (await runLastGood()) === "runs") {
    log.warn(`${busName} gave no manifest to run; running with the last good one`);
    await listen();
    return;
  }
  log.error(`${busName} gave no manifest to run and no last good one runs: not listening until it does`);
}

/** So that an older one is known as such after a restart too. One that cannot be used is spoken of when it is to run. */
async function rememberLastGood(signed: SignedManifests | undefined, dataDirectory: string): Promise<void> {
  if (signed === undefined) return;
  try {
    const raw = await readLastGood(dataDirectory);
    if (raw !== undefined) signed.admitLastGood(raw);
  } catch (error) {
    log.error(`the last good manifest cannot be used: ${(error as Error).message}`);
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
  const { tcpPort, udpPort, tlsPort } = await plane.listen();
  const tls = tlsPort === undefined ? "" : `, TLS ${tlsPort}`;
  log.info(
    { tcpPort, udpPort, ...(tlsPort !== undefined && { tlsPort }), workers: plane.workers, engine: kind.description },
    `listening on TCP ${tcpPort} and UDP ${udpPort}${tls}`,
  );
}
