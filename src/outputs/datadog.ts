/**
 * `datadog`: Datadog's log intake, `POST /api/v2/logs`.
 *
 * Limits, statuses and names: https://docs.datadoghq.com/api/latest/logs/#send-logs. No `timestamp` goes along: an item without one is
 * taken as of its arrival, one that is older than 18 hours is not, and a spool may hold records longer than that.
 *
 * A JSON record goes as it is, also without `message`, or with one that is no text. That page's schema, HTTPLogItem, calls `message` required
 * and a string; Vector, which Datadog maintains, sends records without and says that the intake does not require it
 * (changelog.d/dd_logs_semantic_meaning.fix.md in https://github.com/vectordotdev/vector). An empty one, made up, would stand in front of
 * the attribute that an account takes its message from instead (https://docs.datadoghq.com/logs/log_configuration/processors/log_message_remapper/).
 * Should an intake refuse such a record after all, it alone becomes a dead letter: see `verdictOf`.
 */

import { Type } from "../typebox.ts";
import { networkFields } from "./delivery_fields.ts";
import type { Member } from "./envelope.ts";
import { filledMember, filledRefusal, filledText, fixedText, givenText } from "./filled_text.ts";
import { verdictOfStatus } from "./http_status.ts";
import { type OutputResponse, payloadHeaders, type Verdict } from "./output.ts";
import { defineOutput } from "./output_type.ts";
import { secret, textOfResolved, url } from "./secret.ts";
import { appendPath, baseUrlRefusal } from "./url.ts";

/** "Maximum array size if sending multiple logs in an array: 1000 entries". */
const recordsMax = 1000;
/** "Maximum content size per payload (uncompressed): 5MB". The page does not say which MB; 10⁶ fits whatever is meant. */
const bodyBytesMax = 5_000_000;
/** "Maximum size for a single log: 1MB": a longer one is answered 202 and cut, so it must not be sent. */
const itemBytesMax = 1_000_000;

/** https://docs.datadoghq.com/getting_started/site/ */
const sites = [
  "datadoghq.com",
  "us3.datadoghq.com",
  "us5.datadoghq.com",
  "datadoghq.eu",
  "ap1.datadoghq.com",
  "ap2.datadoghq.com",
  "uk1.datadoghq.com",
  "ddog-gov.com",
  "us2.ddog-gov.com",
];

/**
 * The page names gzip. zstd is what Datadog's own agents send by default since 7.59
 * (https://github.com/open-telemetry/opentelemetry-collector-contrib/pull/49101).
 */
const compressions = ["zstd", "gzip", "none"] as const;

const params = Type.Object({
  api_key: secret("API key."),
  site: Type.Optional(
    Type.String({
      minLength: 1,
      default: sites[0]!,
      examples: sites,
      "x-destination": true,
      description: `Site of the account: ${sites.join(", ")}.`,
    }),
  ),
  endpoint: Type.Optional(url("URL to send to instead of the site's, such as a proxy's; /api/v2/logs is appended.")),
  source: Type.Optional(
    Type.String({ minLength: 1, description: "ddsource: the technology that the records come from." }),
  ),
  service: filledText("Service that the records come from; absent: of a syslog record syslog.app."),
  hostname: filledText("Host that the records come from; absent: of a syslog record syslog.host."),
  status: filledText("Severity, such as info; absent: of a syslog record syslog.severity."),
  tags: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: "ddtags, such as env:production." })),
});

export const datadog = defineOutput({
  type: "datadog",
  description: "Sends records to Datadog's log intake; a record that is a JSON object keeps its attributes.",
  params,
  common: networkFields,
  compressions,
  concurrency: "auto",
  examples: [
    { api_key: { env: "DD_API_KEY" } },
    {
      api_key: { file: "/run/secrets/dd_api_key" },
      site: "datadoghq.eu",
      source: "streamgate",
      service: "payments",
      tags: ["env:production", "team:core"],
    },
    {
      api_key: { env: "DD_API_KEY" },
      hostname: { field: "syslog.host", default: "edge-1" },
      service: { field: "syslog.sd.origin.software" },
    },
  ],
  refusal({ site = sites[0]!, endpoint, tags = [], service, hostname, status }) {
    const unfilled = filledRefusal({ service, hostname, status });
    if (unfilled !== undefined) return unfilled;
    if (endpoint !== undefined) {
      const unfit = baseUrlRefusal("endpoint", endpoint, "https://http-intake.logs.datadoghq.com");
      if (unfit !== undefined) return unfit;
    } else if (!sites.includes(site)) {
      // A slip of the pen here would send the key to a stranger.
      return {
        param: "site",
        what: "is no site that is known here",
        fix: `choose one of ${sites.join(", ")}, or give the whole endpoint, such as https://http-intake.logs.datadoghq.com`,
      };
    }
    const at = tags.findIndex((tag) => tag.includes(","));
    if (at === -1) return undefined;
    return { param: `tags[${at}]`, what: "holds a comma, which parts two tags", fix: "list them one by one" };
  },
  describe({ api_key, site = sites[0]!, endpoint = `https://http-intake.logs.${site}`, ...given }) {
    const { hostname, service, status } = given;
    const alike = {
      ddsource: given.source,
      ddtags: given.tags === undefined || given.tags.length === 0 ? undefined : given.tags.join(","),
    };
    const text = {
      hostname: givenText(hostname),
      service: givenText(service),
      status: givenText(status),
    };
    const fixed = {
      hostname: fixedText(hostname),
      service: fixedText(service),
      status: fixedText(status),
    };
    const headers = { "content-type": "application/json", "dd-api-key": textOfResolved(api_key) };
    return {
      type: "datadog",
      limits: { recordsMax, bytesMax: bodyBytesMax, recordBytesMax: itemBytesMax },
      envelope: {
        kind: "json",
        before: "[",
        between: ",",
        after: "]",
        string: {
          before: '{"message":',
          after: `${membersOf({ ...alike, ...text })
            .map(({ name, value }) => `,${JSON.stringify(name)}:${value}`)
            .join("")}}`,
        },
        filled: [
          ...filledMember("hostname", hostname, "syslog.host"),
          ...filledMember("service", service, "syslog.app"),
          ...filledMember("status", status, "syslog.severity"),
        ],
        object: { kind: "merge", members: membersOf({ ...alike, ...fixed }) },
      },
      compressions,
      concurrency: "auto",
      request: (payload, context) => ({
        url: appendPath(endpoint, "/api/v2/logs"),
        method: "POST",
        headers: { ...headers, ...payloadHeaders(context) },
        body: payload,
      }),
      verdict: verdictOf,
    };
  },
});

/**
 * 202 accepted; 401, 403 API key; 408, 429, 5xx try again; 413 over 5 MB: as HTTP has them. 400, payload formatting, is for the whole payload
 * and names no item, so that its good ones are looked for.
 */
function verdictOf(response: OutputResponse, records: number): Verdict {
  if (response.status === 400 && records > 1)
    return { kind: "split", reason: "HTTP 400", cause: "http_400", oneAtFault: true };
  return verdictOfStatus(response);
}

function membersOf(values: Readonly<Record<string, string | undefined>>): Member[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: JSON.stringify(value) }],
  );
}
