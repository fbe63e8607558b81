/**
 * `splunk_hec`: Splunk's HTTP Event Collector, `POST /services/collector/event`, with or without indexer acknowledgement.
 *
 * Formats: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector. Codes:
 * https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector, "Possible error codes". Acknowledgement:
 * https://docs.splunk.com/Documentation/Splunk/latest/Data/AboutHECIDXAck.
 */

import { createHash } from "node:crypto";
import { Type } from "../typebox.ts";
import { networkFields } from "./delivery_fields.ts";
import { filledMember, filledRefusal, filledText, fixedText, givenText } from "./filled_text.ts";
import { verdictOfStatus, waiting } from "./http_status.ts";
import { type OutputResponse, payloadHeaders, type Verdict } from "./output.ts";
import { defineOutput } from "./output_type.ts";
import { secret, textOfResolved, url } from "./secret.ts";
import { appendPath, baseUrlRefusal } from "./url.ts";

/**
 * Bytes of one request. Splunk Enterprise takes 800 MB unless told otherwise (limits.conf, [http_input], max_content_length); proxies and
 * load balancers on the way take less, and a request that fails is sent again whole. `payload.max_bytes` may raise it, 413 halves. A single
 * longer record is still sent, alone.
 */
const bodyBytesMax = 1_000_000;

/**
 * The last events wait in a buffer for about 2 minutes before they are indexed; Splunk's own Kafka connector waits 5
 * (https://github.com/splunk/kafka-connect-splunk/issues/122).
 */
const confirmationTimeoutMs = 300_000;
/** One question for all that is open. */
const confirmationIntervalMs = 1_000;

/** HEC takes gzip (Content-Encoding) and no zstd. */
const compressions = ["gzip", "none"] as const;

/** Why a person has to look, by code. Nothing here depends on the records: all of an output's events carry the same index and fields. */
const mendable: Readonly<Record<number, string>> = {
  1: "the token is disabled",
  2: "it wants a token",
  3: "it does not understand the authorization",
  4: "it does not know the token",
  5: "it found no data in the request: something on the way takes the body away",
  7: "the token may not write to the index, or there is no such index",
  10: "the token wants acknowledgement: set ack to true",
  11: "it does not take the channel: it has to be a UUID",
  14: "acknowledgement is disabled for the token: set ack to false",
  15: "it does not take the indexed fields of this output",
  16: "it does not take a token from the query of the URL",
  17: "its health endpoint answered, not the one for events",
  21: "it does not know the token",
  22: "the token is disabled",
};

/** The event itself: invalid data format, event field required, event field cannot be blank. */
const eventFaults = [6, 12, 13];
/**
 * Internal error, server busy, unhealthy (queues, acknowledgement, both), shutting down. Server busy may come with `invalid-event-number` for
 * where it stopped; Splunk's pages do not say so, and whether it is counted from 0 or from 1 is told both ways
 * (https://github.com/open-telemetry/opentelemetry-collector-contrib/issues/36113), so all is sent again: rather twice than not at all.
 */
const passing = [8, 9, 18, 19, 20, 23];

const path = "/services/collector";

const params = Type.Object({
  url: url(`URL of the collector, such as https://splunk.example.com:8088; ${path}/event is appended.`),
  token: secret("Token."),
  index: Type.Optional(Type.String({ minLength: 1, description: "Index; absent: the token's." })),
  source: filledText("Source of the events."),
  sourcetype: Type.Optional(Type.String({ minLength: 1, description: "Source type of the events." })),
  host: filledText("Host of the events; absent: of a syslog record syslog.host."),
  fields: Type.Optional(
    Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Array(Type.String())]), {
      description: "Indexed fields of each event.",
    }),
  ),
  channel: Type.Optional(
    Type.String({
      pattern: "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
      "x-words": "a UUID",
      description: "Channel to send in; absent: with ack one for each connection, the same after a restart, else none.",
    }),
  ),
  ack: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        "Records count as delivered when an indexer has them on disk; the token must have acknowledgement enabled.",
    }),
  ),
});

export const splunkHec = defineOutput({
  type: "splunk_hec",
  description: "Sends records as events to Splunk's HTTP Event Collector; a record that is a JSON object stays one.",
  params,
  common: networkFields,
  compressions,
  concurrency: "auto",
  examples: [
    { url: "https://splunk.example.com:8088", token: { env: "SPLUNK_HEC_TOKEN" } },
    {
      url: "https://splunk.example.com:8088",
      token: { file: "/run/secrets/hec_token" },
      index: "main",
      sourcetype: "_json",
      fields: { region: "eu-1" },
      ack: true,
    },
  ],
  refusal: ({ url, host, source }) =>
    baseUrlRefusal("url", url, "https://splunk.example.com:8088") ?? filledRefusal({ host, source }),
  describe({ url, token, ack = false, channel, index, source, sourcetype, host, fields, ...rest }) {
    const base = url.replace(/(\/services\/collector(\/event)?)?\/*$/, "");
    const { payload: { max_bytes = bodyBytesMax } = {}, id = "" } = rest as {
      payload?: { max_bytes?: number };
      id?: string;
    };
    const filled = [...filledMember("host", host, "syslog.host"), ...filledMember("source", source)];
    const metadata = (given: Readonly<Record<string, unknown>>) =>
      Object.entries(given)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`)
        .join("");
    const eventOf = (given: Readonly<Record<string, unknown>>) =>
      // biome-ignore lint/suspicious/noThenProperty: text of an envelope, never awaited
      ({ before: '{"time":', time: "s", then: `${metadata(given)},"event":`, after: "}" }) as const;
    const alike = { sourcetype, index, fields };
    const channelOf = (slot: number) => channel ?? channelFor(`${id} ${base} ${slot}`);
    const headersOf = (slot: number) => ({
      "content-type": "application/json",
      authorization: `Splunk ${textOfResolved(token)}`,
      // A token with acknowledgement refuses requests without one (code 10); without it, acknowledgements nobody asks about would pile up.
      ...((ack || channel !== undefined) && { "x-splunk-request-channel": channelOf(slot) }),
    });
    return {
      type: "splunk_hec",
      limits: { recordsMax: Number.POSITIVE_INFINITY, bytesMax: max_bytes },
      envelope: {
        kind: "json",
        before: "",
        between: "",
        after: "",
        string: eventOf({ host: givenText(host), source: givenText(source), ...alike }),
        filled,
        object: { kind: "value", frame: eventOf({ host: fixedText(host), source: fixedText(source), ...alike }) },
      },
      compressions,
      concurrency: "auto",
      request: (payload, context) => ({
        url: appendPath(base, `${path}/event`),
        method: "POST",
        headers: { ...headersOf(context.slot), ...payloadHeaders(context) },
        body: payload,
      }),
      verdict: (response, records) => verdictOf(response, records, ack),
      ...(ack && {
        confirmation: {
          request: (tokens: readonly string[], slot: number) => {
            const asked = Buffer.from(JSON.stringify({ acks: tokens.map(Number) }), "utf8");
            return {
              url: appendPath(base, `${path}/ack?channel=${channelOf(slot)}`),
              method: "POST",
              headers: headersOf(slot),
              body: { parts: [asked], bytes: asked.length },
            };
          },
          confirmed,
          timeoutMs: confirmationTimeoutMs,
          intervalMs: confirmationIntervalMs,
        },
      }),
    };
  },
});

/** A name-based UUID (RFC 9562 section 5.5 has the layout): the same for the same connection of the same output after a restart. */
function channelFor(name: string): string {
  const hash = createHash("sha256").update(`streamgate splunk_hec ${name}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return hash.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function verdictOf(response: OutputResponse, records: number, ack: boolean): Verdict {
  const answer = parsed(response.body);
  const code = answer?.code;
  if (code === undefined || code === 0) return accepted(verdictOfStatus(response), answer?.ackId, ack);
  const reason = `HTTP ${response.status}, HEC code ${code}`;
  const retry = { kind: "retry", reason, ...waiting(response.headers) } as const;
  if (passing.includes(code)) return retry;
  const alert = mendable[code];
  if (alert !== undefined) return { ...retry, alert: `${reason}: ${alert}` };
  if (!eventFaults.includes(code)) return accepted(verdictOfStatus(response), answer?.ackId, ack);
  // Counted from 0: a body that is wrong from its first byte on is answered with 0
  // (https://github.com/brycied00d/fluent-plugin-splunk-http-eventcollector/issues/32). Events before it were taken, those behind it were
  // not looked at (https://github.com/open-telemetry/opentelemetry-collector-contrib/issues/36113,
  // https://github.com/vectordotdev/vector/issues/11434). Such an answer has no ackId, so with acknowledgement, too, those before it count as
  // delivered when they are taken.
  const at = answer?.invalidEventNumber;
  const cause = `hec_${code}` as const;
  return at !== undefined && at < records ? { kind: "resume", at, reason, cause } : { kind: "rejected", reason, cause };
}

function accepted(verdict: Verdict, ackId: number | undefined, ack: boolean): Verdict {
  return verdict.kind === "acked" && ack && ackId !== undefined ? { kind: "confirm", token: String(ackId) } : verdict;
}

interface HecAnswer {
  readonly code: number | undefined;
  readonly ackId: number | undefined;
  readonly invalidEventNumber: number | undefined;
}

/** Undefined: the answer is no JSON object, such as a proxy's. */
function parsed(body: string): HecAnswer | undefined {
  const value = jsonOf(body);
  if (value === undefined) return undefined;
  const number = (field: string) => {
    const given = value[field];
    return typeof given === "number" && Number.isSafeInteger(given) && given >= 0 ? given : undefined;
  };
  return { code: number("code"), ackId: number("ackId"), invalidEventNumber: number("invalid-event-number") };
}

function jsonOf(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** `{"acks":{"0":true,"1":false}}`; an answer that is none confirms nothing. */
function confirmed({ status, body }: OutputResponse): ReadonlySet<string> {
  const acks = status === 200 ? jsonOf(body)?.acks : undefined;
  if (typeof acks !== "object" || acks === null) return new Set();
  return new Set(Object.entries(acks).flatMap(([token, done]) => (done === true ? [token] : [])));
}
