/** `http`: POSTs records joined by newline to any URL. */

import { Type } from "typebox";
import { defineOutput } from "./output.ts";
import { retryAfterMs } from "./retry_after.ts";

/**
 * Bytes of one request. No standard sets a limit; common servers take 1 MiB unless told otherwise (nginx
 * client_max_body_size). A single longer record is still sent, alone.
 */
const bodyBytesMax = 1024 * 1024;

/** Header names as RFC 9110 section 5.6.2 (token) has them. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Header values: visible ASCII, space, tab and obs-text (RFC 9110 section 5.5); no CR or LF, which would start another header. */
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Set by the sender from the body and the connection; a second value would make the request ambiguous (RFC 9112 section 6). */
const headersReserved = [
  "content-length",
  "transfer-encoding",
  "connection",
  "host",
  "keep-alive",
  "upgrade",
  "expect",
];

export const http = defineOutput({
  type: "http",
  description: "POSTs records, joined by newline, as text/plain.",
  params: Type.Object({
    url: Type.String({ minLength: 1, description: "http:// or https:// URL that takes the POST." }),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        default: {},
        description: "Further request headers; they win over the defaults.",
      }),
    ),
  }),
  examples: [
    { url: "http://localhost:9000" },
    { url: "https://logs.example.com/ingest", headers: { "x-api-key": "secret" } },
  ],
  refusal({ url, headers = {} }) {
    const parsed = URL.parse(url);
    if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) {
      return { param: "url", what: "is no http:// or https:// URL", fix: "give one such as http://localhost:9000" };
    }
    if (parsed.username !== "" || parsed.password !== "") {
      return {
        param: "url",
        what: "holds a user name or password, which would be shown wherever the URL is",
        fix: 'put them into headers: {"authorization":"Basic …"}',
      };
    }
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const twice = Object.keys(headers).find((name, index) => names.indexOf(name.toLowerCase()) < index);
    if (twice !== undefined) {
      const param = `headers[${JSON.stringify(twice)}]`;
      return { param, what: "is listed twice: the case of a name does not matter", fix: "leave one out" };
    }
    for (const [name, value] of Object.entries(headers)) {
      const param = `headers[${JSON.stringify(name)}]`;
      if (!headerName.test(name)) return { param, what: "is no header name", fix: "use letters, digits and - only" };
      if (!headerValue.test(value))
        return {
          param,
          what: "has a value that no header can carry",
          fix: "leave out line breaks and control characters",
        };
      if (headersReserved.includes(name.toLowerCase()))
        return { param, what: "is set by the sender itself", fix: "leave it out" };
    }
    return undefined;
  },
  describe({ url, headers = {} }) {
    const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    const all = { "content-type": "text/plain; charset=utf-8", ...Object.fromEntries(own) };
    return {
      type: "http",
      limits: { recordsMax: Number.POSITIVE_INFINITY, bytesMax: bodyBytesMax },
      envelope: { kind: "text" },
      compressions: ["none", "gzip", "zstd"],
      request: (payload) => ({ url, method: "POST", headers: all, body: payload }),
      verdict({ status, headers: answered }) {
        if (status >= 200 && status < 300) return { kind: "acked" };
        if (!worthAnotherTry(status)) return { kind: "rejected", reason: `HTTP ${status}` };
        const afterMs = retryAfterMs(answered["retry-after"], Date.now());
        return { kind: "retry", ...(afterMs !== undefined && { afterMs }) };
      },
    };
  },
});

/** 401 and 403 too: a token can be mended, a lost record cannot. */
function worthAnotherTry(status: number): boolean {
  return status >= 500 || [401, 403, 408, 425, 429].includes(status);
}
