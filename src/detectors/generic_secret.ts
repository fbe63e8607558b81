/** Values that are set to names which say secret. */

import { defineDetector } from "./detector.ts";

const secret = "k3Q!vR8zt-Wm2Lx";
const hex = "9f86d081884c7d659a2feaa0c55ad015";

export const genericSecret = defineDetector({
  name: "generic_secret",
  title: "Secret by its name",
  groups: ["secrets"],
  pattern:
    "[Pp][Aa][Ss][Ss](?:[Ww](?:[Oo][Rr])?[Dd]|[Pp][Hh])|[Pp][Ww][Dd]|[Ss][Ee][Cc][Rr][Ee][Tt]|[Tt][Oo][Kk][Ee][Nn]|[Cc][Rr][Ee][Dd][Ee][Nn]|[Aa][Pp][Ii][_ -]?[Kk][Ee][Yy]|[Aa][Cc][Cc][Ee][Ss][Ss][_ -]?[Kk][Ee][Yy]|[Pp][Rr][Ii][Vv][Aa][Tt][Ee][_ -]?[Kk][Ee][Yy]",
  scanner: "generic_secret",
  positives: [
    { text: `password=${secret}`, values: [secret] },
    { text: `{"api_key":"${secret}"}`, values: [secret] },
    { text: `client_secret: '${secret}',`, values: [secret] },
    { text: `X-Auth-Token: ${hex}`, values: [hex] },
    { text: `apikey => ${secret}.`, values: [secret] },
    { text: `db.passwd:=${secret};`, values: [secret] },
    { text: `?token=${hex}&x=1`, values: [hex] },
    { text: `Access-Key: ${secret} privateKey=${hex}`, values: [secret, hex] },
    { text: `passphrase = ${secret} credentials=${hex}`, values: [secret, hex] },
    { text: `PWD="${secret}"`, values: [secret] },
  ],
  lookAlikes: [
    secret,
    `commit=${hex}`,
    "password=hunter2",
    "password: authentication failed",
    "password=aaaaaaaaaa11",
    "token=1234567890123",
    "token: 0x7f8a9b1c2d3e",
    "PWD=/srv/app1/current2",
    `password=$${"{DB_PASSWORD_1}"}`,
    "password=$DB_PASSWORD_12",
    "secret=[REDACTED]",
    "password=****************1a",
    "activity token: android.os.BinderProxy@2bd79ce",
    "token_url=https://auth1.example.com/",
    "Failed password for invalid user test9 from port 50123",
    'secret "default-token-x7k2p9"',
  ],
  source:
    "Names as configurations, forms and HTTP headers have them; entropy of order two: A. Rényi, On measures of entropy and information (1961)",
  takes:
    "What is set by `=`, `:`, `:=` or `=>` to a name that holds `password`, `passwd`, `passphrase`, `pwd`, `secret`, `token`, `credential`, `api_key`, `access_key` or `private_key`.",
  checks:
    "Ten characters or more with letters and digits, and the diversity of eight characters (three bits of collision entropy) or more; no path, variable, URL, address in memory or Java object.",
  misses:
    "Passwords that are words or shorter, such without a digit, ones with quotes, brackets, commas, semicolons or spaces in them (the part before is taken); names in other languages. `field` takes a field whatever it holds.",
});
