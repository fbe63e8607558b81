/** JSON Web Tokens. */

import { defineDetector } from "./detector.ts";

const header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

export const jwt = defineDetector({
  name: "jwt",
  title: "JSON Web Token",
  groups: ["secrets"],
  pattern: "e(?:y[JA]|w[o0k])[A-Za-z0-9_-]{9}",
  scanner: "jwt",
  positives: [
    { text: `auth ${header}.eyJzdWIiOiIxIn0.c2lnbmF0dXJl ok`, values: [`${header}.eyJzdWIiOiIxIn0.c2lnbmF0dXJl`] },
    { text: `token=${header}.e30.c2ln&x=1`, values: [`${header}.e30.c2ln`] },
    { text: "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", values: ["eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."] },
    {
      text: "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVy.dGFn.",
      values: ["eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVy.dGFn"],
    },
    {
      text: "token_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
      values: ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"],
    },
    {
      text: "ewogImFsZyI6ICJIUzI1NiIKfQ.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
      values: ["ewogImFsZyI6ICJIUzI1NiIKfQ.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"],
    },
    {
      text: "eyAiYWxnIjogIkhTMjU2IiB9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
      values: ["eyAiYWxnIjogIkhTMjU2IiB9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"],
    },
  ],
  lookAlikes: [
    header,
    `${header}.e30`,
    "eyJub3QiOiJhbGcifQ.e30.c2ln",
    "com.acme.eyJson.x.y",
    "eyJ.eyJ.eyJ",
    "e30.e30.e30",
    "newkey1.newkey2.newkey3",
  ],
  source: "RFC 7519 section 3, RFC 7515 section 7.1, RFC 7516 section 7.1",
  takes:
    "The compact form: a header, claims and a signature (which may be empty), or the five parts of an encrypted one.",
  checks: "The header decodes to a JSON object with `alg`.",
  misses:
    "Headers with white space before the brace, parts alone, the JSON serialization, tokens glued to a letter or digit.",
});
