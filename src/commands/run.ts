/**
 * `streamgate run`: both planes in one process. Publishing is a call into the data plane, unless Redis is configured: then both
 * planes meet there, as they do when they are split.
 */

import { readFileSync } from "node:fs";
import { EmbeddedBus } from "../bus/embedded.ts";
import { LocalReports } from "../bus/local_reports.ts";
import { redisTarget } from "../bus/redis_target.ts";
import { Audit } from "../control/audit.ts";
import { Authentication } from "../control/auth/authentication.ts";
import type { Calls } from "../control/calls.ts";
import type { Publication } from "../control/publication.ts";
import type { ControlServer } from "../control/server.ts";
import { Store } from "../control/store.ts";
import { Tails } from "../control/tail.ts";
import type { EngineKind } from "../data/engine/engine.ts";
import { openEvaluation } from "../data/engine/evaluate.ts";
import { selectEngine } from "../data/engine/select.ts";
import { DataPlane } from "../data/worker/data_plane.ts";
import { StreamGateError } from "../errors.ts";
import { type Manifest, type OutputConfig, passthrough } from "../manifest/manifest.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";
import type { RunMarker } from "../persistence/run_marker.ts";
import type { Settings } from "../settings/settings.ts";
import { configureLog, log } from "../telemetry/process_log.ts";
import { serveAdmin, telemetryOf } from "./admin.ts";
import { ConfigurationFile, type ReadConfiguration, twoSources } from "./configuration_file.ts";
import { serveControl, watchedPlanes } from "./control.ts";
import { followBus, markRun, openPorts } from "./data.ts";
import { type Opened, opening } from "./opened.ts";
import { ReportingPlane } from "./reporting_plane.ts";
import { onShutdown } from "./shutdown.ts";
import { signedManifests, signedReports } from "./signing.ts";

/**
 * Serves until a signal ends it.
 * @throws StreamGateError when a port, the data directory, its state or the engine cannot be had
 */
export async function command(settings: Settings): Promise<void> {
  configureLog(settings);
  await opening(async (opened) => {
    const { directory, telemetry } = await openGate(settings, opened, { stoppable: (stop) => onShutdown(log, stop) });
    log.info(`data directory ${directory}`);
    // The first start: somebody wonders what to do next.
    const { version } = (await telemetry.status()) as { version?: unknown };
    if (version === passthrough.version)
      log.info(
        "nothing is published yet: records come out on standard output as they are, until there are rules and outputs (`streamgate rules add`, `outputs add`, `publish`, or the documentation above)",
      );
  });
}

export interface GateParts {
  /** Gets what ends the gate in order, before anything serves. */
  readonly stoppable: (stop: () => Promise<void>) => void;
  /** It runs in somebody's own process: ports that nobody asked for stay closed, and no record goes to the console that nobody sent there. */
  readonly embedded?: {
    /** Published where nothing is yet. */
    readonly manifest: unknown;
  };
}

export interface OpenGate {
  readonly plane: DataPlane;
  readonly control: ControlServer & Calls;
  readonly telemetry: ReturnType<typeof telemetryOf>;
  /** The data directory. */
  readonly directory: string;
}

/**
 * Opens both planes, and their ports.
 * @param opened closes it all; when this throws the caller does
 * @throws as `command`
 */
export async function openGate(
  settings: Settings,
  opened: Opened,
  { stoppable, embedded }: GateParts,
): Promise<OpenGate> {
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  const target = redisTarget(settings, log);
  if (settings.config !== undefined && target !== undefined) throw twoSources(settings.config);
  const check = (pattern: string) => kind.checkPattern(pattern);
  const file = settings.config === undefined ? undefined : new ConfigurationFile(settings.config, check, log);
  const directory = await openDataDirectory(settings.dataDir);
  opened.add(() => directory.release());
  const store = await Store.open(directory.path);
  if (embedded !== undefined && embedded.manifest === undefined && store.published === undefined)
    throw nothingToRun(`nothing is published in ${directory.path}`);
  const plane = await DataPlane.start(settings, kind.name, log, directory.path);
  let marker: RunMarker | undefined;
  opened.add(async () => (opened.complete ? marker?.close() : marker?.abandon()));
  opened.add(() => plane.close());
  marker = await markRun(directory.path, plane);
  const { former } = marker;
  const audit = new Audit(directory.path);
  const telemetry = telemetryOf(plane, kind, former, () => (file === undefined ? {} : { config: file.status }));
  opened.add(telemetry.close);
  const planes = {
    telemetry,
    live: plane,
    tails: new Tails({
      live: plane,
      open: (plan) => openEvaluation(kind, plan),
      drafted: () => store.draft.rules,
    }),
    testOutput: testOutputWith(kind, settings.allowMetadataOutputs),
    grpcWhenAsked: embedded !== undefined,
  };
  // One for both ports: its file is read once, and wrong tokens count at either.
  const authentication = new Authentication(settings, log);
  let control: (ControlServer & Calls) | undefined;
  // Only where it was asked for: the control port serves the same.
  if (settings.adminPort !== undefined) {
    const admin = await serveAdmin(settings, plane, kind, telemetry, { shared: authentication });
    opened.add(async () => admin?.close());
  }
  let ended: (() => Promise<void>) | undefined;
  stoppable(async () => {
    // What it holds back while it ends is no version's doing.
    await ended?.();
    // Both at once: a request that never ends must not add to the time.
    await Promise.all([plane.drain(settings.shutdownTimeoutMs), control?.close()]);
    await opened.close();
  });
  if (target === undefined) {
    const reports = new LocalReports();
    const reporting = await ReportingPlane.open({
      settings,
      plane,
      kind,
      directory: directory.path,
      reporter: reports,
    });
    ended = () => reporting.close();
    opened.add(ended);
    const shown = watchedPlanes(reports, directory.path, opened);
    const apply = async (manifest: Manifest) => void (await reporting.run(manifest));
    const bus = new EmbeddedBus(apply);
    if (file === undefined) await apply(store.published ?? passthrough);
    else store.follow(file.path);
    // The control API first: what it refuses to start for should not have let traffic in.
    const serving = await serveControl(settings, store, bus, kind, audit, { ...planes, planes: shown }, authentication);
    control = serving;
    opened.add(control.close);
    if (embedded !== undefined && store.published === undefined)
      await serving.publication.put(embedded.manifest, { actor: embeddingActor });
    if (file !== undefined) {
      opened.add(() => file.close());
      const run = (configuration: ReadConfiguration) => publishFile(file.path, configuration, serving.publication);
      // What is published already is not handed over once more, and at the start nothing runs yet.
      const before = store.published?.version;
      if ((await run(file.first)) === before) await apply(store.published ?? passthrough);
      file.follow(run);
    }
    await openPorts(plane, kind);
  } else {
    // Loaded only where it is used: the Redis client takes as much memory as a worker's records do.
    const [{ publishThroughRedis }, { subscribeThroughRedis }, { reportThroughRedis, reportsThroughRedis }] =
      await Promise.all([
        import("../bus/redis_publisher.ts"),
        import("../bus/redis_subscriber.ts"),
        import("../bus/redis_reports.ts"),
      ]);
    const signed = signedManifests(settings);
    const publisher = publishThroughRedis(target, log, signed);
    opened.add(() => publisher.close());
    const subscriber = subscribeThroughRedis(target, log);
    opened.add(() => subscriber.close());
    const reporter = reportThroughRedis(target, signedReports(settings));
    opened.add(() => reporter.close());
    const shown = watchedPlanes(reportsThroughRedis(target, log, signedReports(settings)), directory.path, opened);
    control = await serveControl(settings, store, publisher, kind, audit, { ...planes, planes: shown }, authentication);
    opened.add(control.close);
    const reporting = await ReportingPlane.open({ settings, plane, kind, directory: directory.path, reporter });
    ended = () => reporting.close();
    opened.add(ended);
    const [dataDirectory, busName] = [directory.path, target.name];
    await followBus({ plane, reporting, subscriber, kind, dataDirectory, busName, signed });
  }
  return { plane, control, telemetry, directory: directory.path };
}

/** Who publishes from within the process. */
export const embeddingActor = { name: "in process", address: "local" };

/** @param why there is nothing */
export function nothingToRun(why: string): StreamGateError {
  return new StreamGateError("SG_MANIFEST", {
    where: "createGate options.manifest",
    what: `is missing, and ${why}`,
    fix: "give a manifest; one without outputs writes to this process's standard output",
  });
}

/** Makes what the file says the next version, unless it is what is published. @returns the version that runs then */
async function publishFile(path: string, { manifest }: ReadConfiguration, publication: Publication): Promise<string> {
  const actor = { name: "config file", address: path };
  const published = await publication.put(manifest, { actor, comment: `from ${path}`, fromFile: true });
  return published.manifest.version;
}

/** Loaded when somebody asks for it: the HTTP client takes some 20 MB. */
function testOutputWith(kind: EngineKind, allowMetadata: boolean) {
  return async (config: OutputConfig) => {
    const { tryOutput } = await import("../data/delivery/trial.ts");
    const read = { env: (name: string) => process.env[name], file: (path: string) => readFileSync(path, "utf8") };
    return tryOutput(config, { kind, read, now: Date.now, allowMetadata });
  };
}
