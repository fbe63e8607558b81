/** What an output's configuration means for its sender: described, its references read, its fields in the units that the sender counts in. */

import { canonical } from "../../manifest/canonical.ts";
import { type DeliveryFields, deliveryOf } from "../../outputs/delivery_fields.ts";
import { describeOutput } from "../../outputs/index.ts";
import type { OutputConfig } from "../../outputs/output.ts";
import { resolveSecrets, type SecretReader } from "../../outputs/secrets_of_config.ts";
import { createAwsSigner } from "./aws_signer.ts";
import type { TlsOptions } from "./http.ts";
import { type TlsReferences, tlsFromFiles } from "./output_tls.ts";
import { paceMax } from "./pace.ts";
import type { SenderTuning } from "./sender.ts";

export interface Tuning extends SenderTuning {
  /** What is kept on disk, and how. */
  readonly disk: DeliveryFields["queue"];
}

export interface TuningSite {
  readonly batchSize: number;
  readonly queueBytes: number;
  readonly worker: number;
  readonly workers: number;
  /** Whether there is a directory for spools. */
  readonly spools: boolean;
  readonly read: SecretReader;
  /** The setting ALLOW_METADATA_OUTPUTS. */
  readonly allowMetadata: boolean;
  /** For what is found after the configuration was accepted. */
  readonly warn?: (message: string) => void;
}

/** @throws StreamGateError SG_OUTPUT_SECRET */
export function tuningOf(config: OutputConfig, site: TuningSite): Tuning {
  const { batchSize, queueBytes, worker, workers, spools, read, allowMetadata, warn = () => {} } = site;
  const resolved = resolveSecrets(config, read);
  const output = describeOutput(resolved);
  const fields = deliveryOf(resolved, { output, batchSize, queueBytes });
  const { payload, compression, concurrency, retry, queue } = fields;
  const references = (config.tls ?? {}) as TlsReferences;
  const tls = tlsFromFiles(references, tlsOf(fields.tls), { file: read.file, warn });
  return {
    identity: canonical([resolved, batchSize]),
    output,
    recordsMax: payload.recordsMax,
    bytesMax: payload.bytesMax,
    ageMsMax: payload.ageMsMax,
    encoding: compression,
    concurrency: { max: paceMax(concurrency, workers, worker), adapts: concurrency === "auto" },
    retry: {
      delayMsMax: retry.delayMsMax,
      afterMsMax: retry.retryAfterMsMax,
      deadlineMs: Number.isFinite(retry.deadlineMs) ? retry.deadlineMs : 0,
    },
    timeoutMs: retry.timeoutMs,
    tls,
    verifiesTls: fields.tls.verify,
    allowMetadata,
    ...(output.signature !== undefined && { signer: createAwsSigner(output.signature) }),
    queueBytesMax: queue.bytesMax,
    whenFull: queue.whenFull ?? (spools ? "spill" : "block"),
    durable: queue.durable,
    disk: queue,
  };
}

function tlsOf({ ca, cert, key, serverName, minVersion, verify }: DeliveryFields["tls"]): TlsOptions {
  return {
    ...(typeof ca === "string" && { ca }),
    ...(typeof cert === "string" && { cert }),
    ...(typeof key === "string" && { key }),
    ...(serverName !== undefined && { servername: serverName }),
    minVersion,
    rejectUnauthorized: verify,
  };
}
