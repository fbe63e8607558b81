/**
 * `createGate`: a whole gate in somebody's process. It takes no signals, ends no process, reads no environment variables of settings, and
 * writes to standard output only what a manifest sends there.
 *
 * Loaded with the first gate, not with the package.
 */

import { createHash } from "node:crypto";
import { LocalReports } from "../bus/local_reports.ts";
import { openPlane } from "../commands/data.ts";
import { Opened, opening } from "../commands/opened.ts";
import { ReportingPlane } from "../commands/reporting_plane.ts";
import { embeddingActor, nothingToRun, openGate } from "../commands/run.ts";
import { selectEngine } from "../data/engine/select.ts";
import type { DataPlane } from "../data/worker/data_plane.ts";
import { StreamGateError } from "../errors.ts";
import { canonical } from "../manifest/canonical.ts";
import { activePipeline, type Manifest } from "../manifest/manifest.ts";
import { type Weakening, weakenings } from "../manifest/weakened.ts";
import { refuseMetadataUrls } from "../outputs/metadata_urls.ts";
import { nameOf } from "../schema.ts";
import type { Settings } from "../settings/settings.ts";
import { listenToLog, log } from "../telemetry/process_log.ts";
import type { ManifestInput } from "./compiled_rules.ts";
import type { Gate, GateOptions, GatePorts } from "./gate_options.ts";
import { readGateSettings } from "./gate_settings.ts";

/** What both kinds of a gate can do. */
interface Running {
  readonly plane: DataPlane;
  readonly controlPort?: number;
  publish(manifest: ManifestInput): Promise<{ version: string; weakened: readonly Weakening[] }>;
  status(): Promise<object>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/** @throws StreamGateError as `createGate` */
export async function startGate(options: GateOptions): Promise<Gate> {
  if (typeof options !== "object" || options === null)
    throw new StreamGateError("SG_SETTING", {
      where: "createGate options",
      what: `must be an object, not ${nameOf(options)}`,
      fix: "give at least a manifest",
    });
  const { manifest, control = false, log: listener, ...given } = options;
  if (listener !== undefined && typeof listener !== "function")
    throw new StreamGateError("SG_SETTING", {
      where: "createGate options.log",
      what: `must be a function, not ${nameOf(listener)}`,
      fix: "give one that takes a line, or leave it out",
    });
  const settings = readGateSettings(given);
  const deaf = listenToLog(
    listener &&
      ((level, fields, message) => {
        // What it throws is its own, and must not stop what is being told.
        try {
          listener({ level, message, fields });
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }),
  );
  try {
    const opened = new Opened();
    const running = await (control ? startBoth(settings, manifest, opened) : startData(settings, manifest, opened));
    return new RunningGate(running, deaf);
  } catch (error) {
    deaf();
    throw error;
  }
}

class RunningGate implements Gate {
  readonly ports: GatePorts;
  readonly #running: Running;
  readonly #deaf: () => void;
  #closing: Promise<void> | undefined;

  constructor(running: Running, deaf: () => void) {
    const { tcpPort: tcp, udpPort: udp, tlsPort: tls } = running.plane.ports!;
    const { controlPort: control } = running;
    this.#running = running;
    this.#deaf = deaf;
    this.ports = {
      ...{ tcp, udp },
      ...(tls !== undefined && { tls }),
      ...(control !== undefined && { control }),
    };
  }

  get version(): string {
    return this.#running.plane.manifest!.version;
  }

  async publish(manifest: ManifestInput): ReturnType<Gate["publish"]> {
    if (this.#closing !== undefined)
      throw new StreamGateError("SG_ENGINE_CLOSED", {
        where: "gate.publish",
        what: "the gate is closed, or closing",
        fix: "make another with createGate",
      });
    return this.#running.publish(manifest);
  }

  status(): Promise<Readonly<Record<string, unknown>>> {
    return this.#running.status() as Promise<Record<string, unknown>>;
  }

  close(): Promise<void> {
    this.#closing ??= this.#running.stop().finally(this.#deaf);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Both planes, as `streamgate run`. */
async function startBoth(settings: Settings, manifest: unknown, opened: Opened): Promise<Running> {
  let stop = () => opened.close();
  const gate = await opening(
    async () =>
      openGate(settings, opened, {
        stoppable: (inOrder) => {
          stop = inOrder;
        },
        embedded: { manifest },
      }),
    opened,
  );
  const { plane, control, telemetry } = gate;
  return {
    plane,
    controlPort: control.port,
    status: () => telemetry.status(),
    stop: () => stop(),
    async publish(raw) {
      const { manifest: published, weakened } = await control.publication.put(raw, { actor: embeddingActor });
      return { version: published.version, weakened };
    },
  };
}

/** The data plane alone, as `streamgate data` with a file. */
async function startData(settings: Settings, manifest: unknown, opened: Opened): Promise<Running> {
  if (manifest === undefined) throw nothingToRun("without `control` nothing is kept that was published");
  const { kind, warning } = await selectEngine(settings.engine);
  if (warning !== undefined) log.warn(warning);
  return opening(async () => {
    const { plane, directory, telemetry } = await openPlane(settings, kind, opened, { adminWhenAsked: true });
    const reporting = await ReportingPlane.open({ settings, plane, kind, directory, reporter: new LocalReports() });
    opened.add(() => reporting.close());
    const publish = async (raw: unknown) => {
      const before = plane.manifest;
      const { version } = await reporting.run(versioned(raw), {
        admit: (one) => settings.allowMetadataOutputs || refuseMetadataOutputs(one),
      });
      return { version, weakened: before === undefined ? [] : weakenings(rulesOf(before), rulesOf(plane.manifest!)) };
    };
    await publish(manifest);
    await plane.listen();
    return {
      plane,
      publish,
      status: () => telemetry.status(),
      async stop() {
        await reporting.close();
        await plane.drain(settings.shutdownTimeoutMs);
        await opened.close();
      },
    };
  }, opened);
}

/** Nobody counts versions here: one that has none is named after what it says. */
function versioned(raw: unknown): unknown {
  if (typeof raw !== "object" || raw === null || "version" in raw) return raw;
  const version = `process-${createHash("sha256").update(canonical(raw)).digest("hex").slice(0, 8)}`;
  return { ...raw, version };
}

function refuseMetadataOutputs(raw: unknown): void {
  const pipelines = (raw as { pipelines?: unknown } | null)?.pipelines;
  const outputs = (Array.isArray(pipelines) ? pipelines[0] : undefined)?.outputs;
  if (!Array.isArray(outputs)) return;
  for (const [index, output] of outputs.entries())
    if (typeof output?.type === "string") refuseMetadataUrls(output, `pipelines[0].outputs[${index}]`);
}

function rulesOf(manifest: Manifest) {
  return activePipeline(manifest).processors;
}
