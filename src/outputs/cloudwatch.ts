/**
 * `cloudwatch`: Amazon CloudWatch Logs, `PutLogEvents` as JSON 1.1.
 *
 * Limits, order and errors: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html. What every AWS
 * service may answer: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html.
 */

import { Type } from "../typebox.ts";
import { networkFields } from "./delivery_fields.ts";
import { verdictOfStatus, waiting } from "./http_status.ts";
import type { OutputRequest, OutputResponse, RejectedRange, Verdict } from "./output.ts";
import { defineOutput } from "./output_type.ts";
import { secret, textOfResolved, url } from "./secret.ts";
import { appendPath, baseUrlRefusal } from "./url.ts";

/** "The maximum number of log events in a batch is 10,000." */
const eventsMax = 10_000;
/** "… 1,048,576 bytes. This size is calculated as the sum of all event messages in UTF-8, plus 26 bytes for each log event." */
const batchBytesMax = 1_048_576;
const eventOverheadBytes = 26;
/** "Each log event can be no larger than 1 MB": a batch of one. */
const eventBytesMax = batchBytesMax;
/** The same page of the Chinese partition (https://docs.amazonaws.cn/goto/WebAPI/logs-2014-03-28/PutLogEvents) still says 256 KB. */
const eventBytesMaxChina = 256 * 1024;

/** "A batch of log events in a single request must be in a chronological order", and "cannot span more than 24 hours". */
const spanMsMax = 24 * 3_600_000;

/** The API is documented with no Content-Encoding. */
const compressions = ["none"] as const;

const target = "Logs_20140328";

/** Errors of credentials and permissions, and what a person has to mend. Requests signed by a wrong clock are among them. */
const mendable = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "ExpiredToken",
  "ExpiredTokenException",
  "IncompleteSignature",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "MissingAuthenticationToken",
  "MissingAuthenticationTokenException",
  "NotAuthorized",
  "OptInRequired",
  "RequestExpired",
  "SignatureDoesNotMatch",
  "UnrecognizedClientException",
  "UnknownOperationException",
  "KMSAccessDeniedException",
]);

/** Errors that pass. Sequence tokens are ignored since 2023; an emulation that still checks them takes the batch at a later try. */
const passing = new Set([
  "InternalFailure",
  "InternalServerException",
  "InvalidSequenceTokenException",
  "LimitExceededException",
  "OperationAbortedException",
  "RequestLimitExceeded",
  "RequestTimeout",
  "ServiceUnavailable",
  "ServiceUnavailableException",
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
]);

/** Errors of a request as it is; they name no event. */
const refusing = new Set(["InvalidParameterException", "SerializationException", "ValidationException"]);

const params = Type.Object({
  region: Type.String({
    pattern: "^[a-z]{2,}(-[a-z0-9]+)+$",
    "x-words": "a region such as eu-central-1",
    "x-destination": true,
    description: "Region, such as eu-central-1.",
  }),
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
  log_group: Type.String({
    pattern: "^[.\\-_/#A-Za-z0-9]{1,512}$",
    "x-words": '1 to 512 letters, digits, "_", "-", "/", "." or "#"',
    description: "Log group.",
  }),
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html
  log_stream: Type.Optional(
    Type.String({
      pattern: "^[^:*]{1,512}$",
      "x-words": '1 to 512 characters, none of them ":" or "*"',
      default: "streamgate",
      description: "Log stream; several gates may write to one.",
    }),
  ),
  create: Type.Optional(
    Type.Boolean({ default: true, description: "Creates the log group and the log stream where they are missing." }),
  ),
  endpoint: Type.Optional(url("URL to send to instead of the region's, such as a VPC endpoint's.")),
  credentials: Type.Optional(
    Type.Object(
      {
        access_key_id: secret("Access key id."),
        secret_access_key: secret("Secret access key."),
        session_token: Type.Optional(secret("Session token of temporary credentials.")),
      },
      {
        description: "Absent: those that the AWS SDK finds: environment, shared files, container or instance role.",
      },
    ),
  ),
});

export const cloudwatch = defineOutput({
  type: "cloudwatch",
  description: "Sends records as log events to Amazon CloudWatch Logs.",
  params,
  common: networkFields,
  compressions,
  concurrency: "auto",
  examples: [
    { region: "eu-central-1", log_group: "/streamgate/kept" },
    {
      region: "us-east-1",
      log_group: "/streamgate/kept",
      log_stream: "gate-1",
      credentials: { access_key_id: { env: "GATE_KEY_ID" }, secret_access_key: { env: "GATE_SECRET_KEY" } },
    },
  ],
  refusal: ({ endpoint }) =>
    endpoint === undefined
      ? undefined
      : baseUrlRefusal("endpoint", endpoint, "https://logs.eu-central-1.amazonaws.com"),
  describe({
    region,
    log_group,
    log_stream = "streamgate",
    create = true,
    endpoint = endpointOf(region),
    credentials,
  }) {
    const requestTo = (operation: string, body: OutputRequest["body"]): OutputRequest => ({
      url: appendPath(endpoint, "/"),
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": `${target}.${operation}` },
      body,
    });
    const creation = (operation: string, input: object): OutputRequest => {
      const body = Buffer.from(JSON.stringify(input), "utf8");
      return { ...requestTo(operation, { parts: [body], bytes: body.length }), served: existsNow };
    };
    const group = creation("CreateLogGroup", { logGroupName: log_group });
    const stream = creation("CreateLogStream", { logGroupName: log_group, logStreamName: log_stream });
    return {
      type: "cloudwatch",
      limits: {
        recordsMax: eventsMax,
        bytesMax: batchBytesMax,
        recordBytesMax: region.startsWith("cn-") ? eventBytesMaxChina : eventBytesMax,
        chronological: true,
        spanMsMax,
      },
      envelope: {
        kind: "json",
        before: `{"logGroupName":${JSON.stringify(log_group)},"logStreamName":${JSON.stringify(log_stream)},"logEvents":[`,
        between: ",",
        after: "]}",
        // The message is a string whatever the record is.
        // biome-ignore lint/suspicious/noThenProperty: text of an envelope, never awaited
        string: { before: '{"timestamp":', time: "ms", then: ',"message":', after: "}" },
        countedBesideText: eventOverheadBytes,
      },
      compressions,
      concurrency: "auto",
      signature: {
        kind: "aws_sigv4",
        service: "logs",
        region,
        ...(credentials !== undefined && {
          credentials: {
            accessKeyId: textOfResolved(credentials.access_key_id),
            secretAccessKey: textOfResolved(credentials.secret_access_key),
            ...(credentials.session_token !== undefined && {
              sessionToken: textOfResolved(credentials.session_token),
            }),
          },
        }),
      },
      request: (payload) => requestTo("PutLogEvents", payload),
      verdict(response, records) {
        const error = errorOf(response);
        if (error?.name !== "ResourceNotFoundException")
          return verdictOf(response, error?.name, error?.message, records);
        const reason = `HTTP ${response.status}, ${error.name}`;
        if (!create) {
          const alert = `${reason}: the log group or the log stream is missing, and create is false`;
          return { kind: "retry", reason, alert };
        }
        // A gate that may write to one group needs no permission to create groups.
        const groupExists = /log stream does not exist/i.test(error.message);
        return { kind: "retry", reason, first: groupExists ? [stream] : [group, stream] };
      },
    };
  },
});

/** https://docs.aws.amazon.com/general/latest/gr/cwl_region.html */
function endpointOf(region: string): string {
  return `https://logs.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}

/** Of a creation: it is there, whoever was first. */
function existsNow(response: OutputResponse): boolean {
  if (response.status >= 200 && response.status < 300) return true;
  return errorOf(response)?.name === "ResourceAlreadyExistsException";
}

function verdictOf(response: OutputResponse, error: string | undefined, message = "", records = 1): Verdict {
  if (error === undefined) {
    const rejected = response.status === 200 ? rejectedEvents(response.body, records) : [];
    return rejected.length > 0 ? { kind: "partly", rejected } : verdictOfStatus(response);
  }
  const reason = `HTTP ${response.status}, ${error}`;
  // The batch was taken at an earlier try of which the answer was lost. Not answered any more since sequence tokens are ignored.
  if (error === "DataAlreadyAcceptedException") return { kind: "acked" };
  if (passing.has(error)) return { kind: "retry", reason, ...waiting(response.headers) };
  if (mendable.has(error)) {
    return { kind: "retry", reason, alert: `${reason}: mend the credentials, their permissions or the clock` };
  }
  if (refusing.has(error)) {
    const cause = /too large/i.test(message) ? "too_large" : "invalid";
    if (records === 1) return { kind: "rejected", reason, cause };
    // One batch may span 24 hours at most, and be in chronological order, which it is unless the clock was set back meanwhile: halves may fit,
    // and single events do. For the rest one event may be at fault, such as one of which a rule left nothing.
    const tooMuch = /24 hours|too large|batch size|chronological/i.test(message);
    return { kind: "split", reason, cause, ...(!tooMuch && { oneAtFault: true }) };
  }
  return { ...verdictOfStatus(response), reason } as Verdict;
}

/**
 * Events that were not taken though the request was. They are in the order of their times, so too old ones are the first, too new ones the
 * last: `tooOldLogEventEndIndex` is exclusive, `tooNewLogEventStartIndex` inclusive
 * (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_RejectedLogEventsInfo.html); `expiredLogEventEndIndex`, of
 * which the page says neither, is named like the former.
 */
function rejectedEvents(body: string, records: number): RejectedRange[] {
  const info = objectOf(objectOf(jsonOf(body))?.rejectedLogEventsInfo);
  if (info === undefined) return [];
  const index = (field: string) => {
    const value = info[field];
    return typeof value === "number" && Number.isInteger(value) && value >= 0 ? Math.min(value, records) : undefined;
  };
  const ranges: RejectedRange[] = [];
  let from = 0;
  const ends = [
    { to: index("tooOldLogEventEndIndex") ?? 0, cause: "too_old" },
    { to: index("expiredLogEventEndIndex") ?? 0, cause: "expired" },
  ] as const;
  for (const { to, cause } of ends.toSorted((a, b) => a.to - b.to)) {
    if (to <= from) continue;
    ranges.push({ from, to, reason: cause, cause });
    from = to;
  }
  const newFrom = Math.max(index("tooNewLogEventStartIndex") ?? records, from);
  if (newFrom < records) ranges.push({ from: newFrom, to: records, reason: "too_new", cause: "too_new" });
  return ranges;
}

/**
 * The error's name and message. The name stands in the body's `__type` behind a `#`, or in a header, with more behind a colon
 * (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html, "Operation error serialization").
 */
function errorOf({ status, headers, body }: OutputResponse): { name: string; message: string } | undefined {
  if (status >= 200 && status < 300) return undefined;
  const answer = objectOf(jsonOf(body));
  const header = headers["x-amzn-errortype"];
  const given = answer?.__type ?? answer?.code ?? (typeof header === "object" ? header[0] : header);
  const name = typeof given === "string" ? /(?:^|#)([A-Za-z0-9]+)(?::|$)/.exec(given)?.[1] : undefined;
  if (name === undefined) return undefined;
  const message = answer?.message ?? answer?.Message;
  return { name, message: typeof message === "string" ? message : "" };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}
