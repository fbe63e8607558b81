/** `http`: sends records to any URL, as lines, as JSON lines or as a JSON array. */

import { Type } from "../typebox.ts";
import { networkFields } from "./delivery_fields.ts";
import type { Envelope } from "./envelope.ts";
import { verdictOfStatus } from "./http_status.ts";
import { payloadHeaders } from "./output.ts";
import { defineOutput } from "./output_type.ts";
import { headerValue, secret, type Text, textOfResolved, url } from "./secret.ts";
import { urlRefusal } from "./url.ts";

/**
 * Bytes of one request. No standard sets a limit; common servers take 1 MiB unless told otherwise (nginx
 * client_max_body_size). `payload.max_bytes` may raise it. A single longer record is still sent, alone.
 */
const bodyBytesMax = 1024 * 1024;

/** Header names as RFC 9110 section 5.6.2 (token) has them. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Set by the sender from the body and the connection; a second value would make the request ambiguous (RFC 9112 section 6). */
const headersReserved = [
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "connection",
  "host",
  "keep-alive",
  "upgrade",
  "expect",
];

const compressions = ["none", "gzip", "zstd"] as const;

const contentTypes = {
  lines: "text/plain; charset=utf-8",
  // No registered type; what most receivers of JSON lines look for.
  ndjson: "application/x-ndjson",
  json_array: "application/json",
} as const;

const params = Type.Object({
  url: url("http:// or https:// URL that takes the records."),
  method: Type.Optional(
    Type.Union([Type.Literal("POST"), Type.Literal("PUT"), Type.Literal("PATCH")], {
      default: "POST",
      description: "Method of the requests.",
    }),
  ),
  headers: Type.Optional(
    Type.Record(Type.String(), headerValue("Value of the header."), {
      default: {},
      description: "Further request headers; they win over the defaults.",
    }),
  ),
  body: Type.Optional(
    Type.Union([Type.Literal("lines"), Type.Literal("ndjson"), Type.Literal("json_array")], {
      default: "lines",
      description:
        'lines: records as they are, joined by newline. ndjson: a JSON object a line. json_array: a list of JSON objects. A record that is a JSON object stays one, any other becomes {"message":"…"}.',
    }),
  ),
  envelope: Type.Optional(
    Type.Object(
      {
        before: Type.Optional(Type.String({ default: "", description: "Text before the list." })),
        after: Type.Optional(Type.String({ default: "", description: "Text after the list." })),
      },
      { description: 'Text around the list of json_array, such as {"before":"{\\"logs\\":","after":"}"}.' },
    ),
  ),
  auth: Type.Optional(
    Type.Union(
      [
        Type.Object(
          {
            basic: Type.Object({
              user: Type.String({ minLength: 1, description: "User name." }),
              password: secret("Password."),
            }),
          },
          { additionalProperties: false },
        ),
        Type.Object({ bearer: secret("Token.") }, { additionalProperties: false }),
      ],
      {
        description: "Credentials, for the header authorization.",
        "x-words": '{"basic":{"user":"…","password":"…"}} or {"bearer":"…"}',
      },
    ),
  ),
});

export const http = defineOutput({
  type: "http",
  description: "Sends records to a URL: POST of text/plain, joined by newline, or as JSON.",
  params,
  common: networkFields,
  compressions,
  examples: [
    { url: "http://localhost:9000" },
    { url: "https://logs.example.com/ingest", headers: { "x-api-key": { env: "INGEST_KEY" } } },
    {
      url: "https://logs.example.com/bulk",
      body: "json_array" as const,
      envelope: { before: '{"logs":', after: "}" },
      auth: { bearer: { file: "/run/secrets/ingest_token" } },
    },
  ],
  refusal({ url, headers = {}, body = "lines", envelope, auth }) {
    const unfit = urlRefusal("url", url, "http://localhost:9000");
    if (unfit !== undefined) return unfit;
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const twice = Object.keys(headers).find((name, index) => names.indexOf(name.toLowerCase()) < index);
    if (twice !== undefined) {
      const param = `headers[${JSON.stringify(twice)}]`;
      return { param, what: "is listed twice: the case of a name does not matter", fix: "leave one out" };
    }
    for (const name of Object.keys(headers)) {
      const param = `headers[${JSON.stringify(name)}]`;
      if (!headerName.test(name)) return { param, what: "is no header name", fix: "use letters, digits and - only" };
      if (headersReserved.includes(name.toLowerCase()))
        return { param, what: "is set by the sender itself", fix: "leave it out" };
    }
    if (auth !== undefined && names.includes("authorization")) {
      return { param: "auth", what: "sets authorization, which is among the headers too", fix: "leave one out" };
    }
    // RFC 7617 section 2: the first colon ends the user's name.
    if (auth !== undefined && "basic" in auth && /[:\p{Cc}]/u.test(auth.basic.user)) {
      return { param: "auth.basic.user", what: "holds a colon or a control character", fix: "leave it out" };
    }
    if (envelope === undefined) return undefined;
    if (body !== "json_array") {
      return { param: "envelope", what: `stands around a list, and body is ${body}`, fix: 'give "body":"json_array"' };
    }
    return isJson(`${envelope.before ?? ""}[]${envelope.after ?? ""}`)
      ? undefined
      : {
          param: "envelope",
          what: "makes no JSON of a list between its two texts",
          fix: 'try {"before":"{\\"logs\\":","after":"}"}',
        };
  },
  describe({ url, method = "POST", headers = {}, body = "lines", envelope = {}, auth, ...rest }) {
    const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), textOfResolved(value)]);
    const all = {
      "content-type": contentTypes[body],
      ...(auth !== undefined && { authorization: authorization(auth) }),
      ...Object.fromEntries(own),
    };
    const { max_bytes = bodyBytesMax } = (rest as { payload?: { max_bytes?: number } }).payload ?? {};
    return {
      type: "http",
      limits: { recordsMax: Number.POSITIVE_INFINITY, bytesMax: max_bytes },
      envelope: envelopeOf(body, envelope),
      compressions,
      request: (payload, context) => ({
        url,
        method,
        headers: { ...all, ...payloadHeaders(context) },
        body: payload,
      }),
      verdict: verdictOfStatus,
    };
  },
});

function envelopeOf(body: keyof typeof contentTypes, { before = "", after = "" }): Envelope {
  if (body === "lines") return { kind: "text" };
  const records = {
    kind: "json",
    string: { before: '{"message":', after: "}" },
    object: { kind: "value", frame: { before: "", after: "" } },
  } as const;
  if (body === "ndjson") return { ...records, before: "", between: "\n", after: "\n" };
  return { ...records, before: `${before}[`, between: ",", after: `]${after}` };
}

function authorization(auth: { basic: { user: string; password: Text } } | { bearer: Text }): string {
  if ("bearer" in auth) return `Bearer ${textOfResolved(auth.bearer)}`;
  const { user, password } = auth.basic;
  return `Basic ${Buffer.from(`${user}:${textOfResolved(password)}`, "utf8").toString("base64")}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
