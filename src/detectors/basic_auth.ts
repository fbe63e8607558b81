/** Users and passwords of HTTP's basic authentication. */

import { defineDetector } from "./detector.ts";

export const basicAuth = defineDetector({
  name: "basic_auth",
  title: "Basic authentication",
  groups: ["secrets"],
  pattern: String.raw`[Bb][Aa][Ss][Ii][Cc][ \t+]`,
  scanner: "basic_auth",
  positives: [
    { text: "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", values: ["QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] },
    { text: "authorization=basic+YWRhOnMzY3JldC1wYXNz", values: ["YWRhOnMzY3JldC1wYXNz"] },
    { text: "-H 'BASIC YWRhOnMzY3JldC1wYXNz'", values: ["YWRhOnMzY3JldC1wYXNz"] },
    { text: "Proxy-Authorization: Basic asO8cmdlbjpnZWhlaW0=", values: ["asO8cmdlbjpnZWhlaW0="] },
  ],
  lookAlikes: [
    "basic authentication failed",
    "Basic information about this host",
    'WWW-Authenticate: Basic realm="example"',
    "Authorization: Basic",
    "Authorization: Basic [REDACTED]",
    "Authorization: Basic bm9jb2xvbmhlcmU=",
    "visualbasic YWRhOnMzY3JldC1wYXNz",
    "Basic asO8cmdlbjpnZWhlaW0=",
    "basic_YWRhOnMzY3JldC1wYXNz",
  ],
  source: "RFC 7617 section 2, RFC 4648 section 4",
  takes: "The base64 behind the word, in any case, with spaces or a form's plus between.",
  checks: "It decodes to text with a colon; beyond ASCII only behind `authorization`.",
  misses: "Less than eight characters of base64; passwords with control characters.",
});
