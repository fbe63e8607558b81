/** Passwords in URLs. */

import { defineDetector } from "./detector.ts";

export const urlCredentials = defineDetector({
  name: "url_credentials",
  title: "Password in a URL",
  groups: ["secrets"],
  pattern: "://",
  scanner: "url_credentials",
  positives: [
    { text: "postgres://app:s3cr3t!x@db.internal/x", values: ["s3cr3t!x"] },
    { text: "redis://:pa%3Ass@cache:6379/0", values: ["pa%3Ass"] },
    { text: "jdbc:postgresql://u:p@ss@db:5432/x", values: ["p@ss"] },
    { text: "https://a1b2c3d4e5f6a7b8c9@api.example.com/", values: ["a1b2c3d4e5f6a7b8c9"] },
    { text: "http://u:p1@a.example http://u:p2@b.example", values: ["p1", "p2"] },
    { text: "postgres://app:pa55@/db?host=/run", values: ["pa55"] },
    { text: "https://app:it'sme5@db.example/x", values: ["it'sme5"] },
    { text: "amqp://app:pa55@_amqp._tcp.example/", values: ["pa55"] },
  ],
  lookAlikes: [
    "https://example.com:443/path",
    "https://user@example.com/",
    "ssh://git@github.com/org/repo.git",
    "https://example.com/a:b@c",
    "https://example.com/?next=a:b@c.d",
    "https://***:***@example.com/",
    "http://[2001:db8::1]:8080/",
    "mongodb://a:27017,b:27017/x",
    "://u:p@h",
    "see 'http://db:80' and 'a@b.example'",
    "['http://db:80','a@b.example']",
  ],
  source: "RFC 3986 section 3.2.1",
  takes:
    "What stands between the first colon and the last @ of a URL's authority; a token of 16 characters or more in the user's place.",
  checks:
    "A scheme before, a host behind (or `/`, as where a database is reached by a socket); what was masked already is left.",
  misses:
    "Passwords that hold a raw `/`, `?`, `#`, double quote or space (RFC 3986 wants them encoded), a single quote where the URL stands in single quotes; what has no scheme (`user:password@tcp(host)`, `//user:password@host`, `curl -u`); the user's name stays.",
});
