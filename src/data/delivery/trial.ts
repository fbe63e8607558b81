/**
 * Sends one record to an output to see whether it works: what `POST /outputs/{id}/test` does. With the output's own description, encoder,
 * compression, credentials and TLS, on a connection of its own, once, beside any queue; it is in no account.
 */

import { StreamGateError } from "../../errors.ts";
import type { JsonEnvelope } from "../../outputs/envelope.ts";
import {
  type Body,
  type OutputConfig,
  type OutputRequest,
  type OutputResponse,
  type Verdict,
  wasServed,
} from "../../outputs/output.ts";
import { resolveSecrets, type SecretReader, withoutSecrets } from "../../outputs/secrets_of_config.ts";
import type { EngineKind } from "../engine/engine.ts";
import { batchHeader } from "../engine/layout.ts";
import { compressed } from "./compress.ts";
import { failureOf, HttpClient } from "./http.ts";
import { signed } from "./signing.ts";
import { tuningOf } from "./tuning.ts";

/** Somebody waits for the answer; shorter where the output's own timeout is. */
const timeoutMsMax = 30_000;

export interface Trial {
  readonly status: "delivered" | "refused" | "unreachable";
  readonly http_status?: number;
  readonly answer?: string;
  readonly verdict?: object;
  readonly took_ms: number;
}

export interface TrialSite {
  /** Encodes the record. */
  readonly kind: EngineKind;
  readonly read: SecretReader;
  readonly now: () => number;
  /** The setting ALLOW_METADATA_OUTPUTS. */
  readonly allowMetadata: boolean;
}

/**
 * @param config accepted before, its references not yet read
 * @throws StreamGateError SG_OUTPUT_SECRET; SG_OUTPUT_PARAMS when the output makes no requests
 */
export async function tryOutput(config: OutputConfig, { kind, read, now, allowMetadata }: TrialSite): Promise<Trial> {
  const resolved = resolveSecrets(config, read);
  const place = { batchSize: 1, queueBytes: 0, worker: 0, workers: 1, spools: false, read, allowMetadata };
  const { output, encoding, signer, tls, timeoutMs } = tuningOf(config, place);
  if (output.request === undefined || output.verdict === undefined) {
    throw new StreamGateError("SG_OUTPUT_PARAMS", {
      where: `output ${JSON.stringify(config.id)}`,
      what: `writes to a ${output.stream === "file" ? "file" : "stream"} and asks nobody, so there is no answer to tell`,
      fix: "send a record and look",
    });
  }
  const record = Buffer.from(`StreamGate test record for output ${String(config.id)}`, "utf8");
  const plain = output.envelope.kind === "json" ? encoded(kind, output.envelope, record, now()) : bodyOf(record);
  const body = encoding === "none" ? plain : await compressed(plain, encoding);
  const request = output.request(body, {
    records: 1,
    groupId: `${String(config.id)}.test.${now()}`,
    encoding: encoding === "none" ? undefined : encoding,
    slot: 0,
  });
  const bounds = { timeoutMs: Math.min(timeoutMs, timeoutMsMax), signal: new AbortController().signal };
  const client = new HttpClient(request.url, {
    timeoutMs: bounds.timeoutMs,
    ...(tls !== undefined && { tls }),
    allowMetadata,
  });
  const send = async (one: OutputRequest): Promise<OutputResponse> =>
    client.send(await signed(one, signer, bounds), bounds.signal);
  const startedMs = performance.now();
  const tookMs = () => Math.round((performance.now() - startedMs) * 10) / 10;
  try {
    let response = await send(request);
    let verdict = output.verdict(response, 1);
    // What is missing is made as it would be for records; the first request that does not do what it is for is the answer.
    let prepared = verdict.kind === "retry" && verdict.first !== undefined;
    for (const one of verdict.kind === "retry" ? (verdict.first ?? []) : []) {
      response = await send(one);
      if (wasServed(one, response)) continue;
      verdict = output.verdict(response, 1);
      prepared = false;
      break;
    }
    if (prepared) {
      response = await send(request);
      verdict = output.verdict(response, 1);
    }
    return {
      status: verdict.kind === "acked" || verdict.kind === "confirm" ? "delivered" : "refused",
      http_status: response.status,
      answer: withoutSecrets(response.body, resolved),
      verdict: shown(verdict),
      took_ms: tookMs(),
    };
  } catch (error) {
    if (error instanceof StreamGateError) throw error;
    return { status: "unreachable", answer: failureOf(error), took_ms: tookMs() };
  } finally {
    await client.close();
  }
}

function bodyOf(bytes: Uint8Array): Body {
  return { parts: [bytes], bytes: bytes.length };
}

/** As a batch of one record that an engine wrote. */
function encoded(kind: EngineKind, envelope: JsonEnvelope, record: Uint8Array, timeMs: number): Body {
  const batch = kind.createBatch(1, record.length + 1);
  const encoder = kind.createEncoder(envelope);
  try {
    batch.words.set([0, record.length, 0xffff_ffff, 0xffff_ffff], batchHeader.bytes / 4);
    batch.data.set(record, 0);
    batch.data[record.length] = 0x0a;
    batch.words[batchHeader.offsets.records / 4] = 1;
    batch.words[batchHeader.offsets.bytes / 4] = record.length + 1;
    const unlimited = Number.MAX_SAFE_INTEGER;
    encoder.begin({ recordsMax: 1, bytesMax: unlimited, recordBytesMax: unlimited });
    encoder.append(batch, 0, 1, timeMs);
    return bodyOf(encoder.finish());
  } finally {
    encoder.close();
    batch.free();
  }
}

/** What a person can use of a verdict. */
function shown(verdict: Verdict): object {
  if (verdict.kind !== "retry") return verdict;
  const { first: _, ...rest } = verdict;
  return rest;
}
