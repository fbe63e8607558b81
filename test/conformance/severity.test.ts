/** The severity that a record tells, on every engine: JSON, syslog, key=value, plain text, and what only looks like one. */

import { describe, expect, it } from "vitest";
import { type Plan, type Severity, severity } from "../../src/plan/operations.ts";
import { engines, run } from "./engines.ts";

const levels = Object.keys(severity).filter((name) => name !== "unknown") as Severity[];

/** An output for each level, and one that takes everything, so that each record stays. */
const plan: Plan = {
  rules: [],
  operations: [],
  outputs: levels.length + 1,
  routes: levels.map((atLeast, output) => ({ output, condition: { kind: "severity", atLeast } })),
};

const at = (bytes: number, text: string) => `${".".repeat(bytes)} ${text}`;

const table: readonly (readonly [title: string, told: Severity | "unknown", records: readonly string[]])[] = [
  [
    "JSON, by name in any case",
    "error",
    [
      '{"level":"error"}',
      '{"msg":"x","level":"ERROR"}',
      '{"severity":"Error"}',
      '{"severityText":"ERROR"}',
      '{"log.level":"error"}',
      '{"log":{"offset":1,"level":"error"}}',
      '{"status":"error"}',
      ' {"level" : "err" }',
      '{"level":"severe"}',
      '{"level":"\\u0065rror"}',
      '{"\\u006cevel":"error"}',
      '{"severity":"debug","severity":"error"}',
      '{"level":"error","level":"debug"}',
      '{"status":"info","level":"error","cut',
      '{"level":"error","severity":"debug","status":"info"}',
      '{"level":"unheard of","severity":"error"}',
      '{"status":200,"level":"error"}',
      '{"level":{"name":"x"},"severity":"error"}',
      '{"level":null,"severity":"error"}',
    ],
  ],
  ["a level's letter as a value", "error", ['{"level":"E"}', '{"severity":"E"}', "level=E msg=x", 'lvl="E"']],
  ["other letters as values", "trace", ['{"level":"V"}', '{"level":"T"}', "level=V"]],
  [
    "logcat's head",
    "warn",
    [
      "11-23 12:31:07.482  1702  2395 W Tag: x",
      "2026-11-23 12:31:07.482113 17020 23950 W ERROR: x",
      "11-23 12:31:07.482 1 2 W x",
    ],
  ],
  [
    "a column behind a comma",
    "info",
    ["2026-11-23 12:31:07, Info                  CBS    Warning: x", "x, Info  ERROR"],
  ],
  ["a label behind a comma", "error", ["x, error: y"]],
  ["pino's and bunyan's trace", "trace", ['{"level":10}', '{"level":19}', '{"level":"10"}']],
  ["pino's and bunyan's debug", "debug", ['{"level":20}', '{"level":25}']],
  ["pino's and bunyan's info", "info", ['{"level":30,"time":1}', '{"level":35}']],
  ["pino's and bunyan's warn", "warn", ['{"level":40}']],
  ["pino's and bunyan's error", "error", ['{"level":50}']],
  ["pino's and bunyan's fatal", "fatal", ['{"level":60}', '{"level":69}']],
  ["OpenTelemetry's numbers, first of all", "trace", ['{"severityNumber":1}', '{"severityNumber":4}']],
  ["OpenTelemetry's debug", "debug", ['{"severityNumber":5}', '{"severityNumber":8}']],
  ["OpenTelemetry's info", "info", ['{"severityNumber":9}', '{"severityNumber":"12"}']],
  ["OpenTelemetry's warn", "warn", ['{"severityNumber":13}', '{"severityNumber":16}']],
  ["OpenTelemetry's error", "error", ['{"severityNumber":17}', '{"severityNumber":20}']],
  ["OpenTelemetry's fatal", "fatal", ['{"severityNumber":21}', '{"severityNumber":24}']],
  ["syslog's numbers in JSON (GELF)", "error", ['{"version":"1.1","level":3}', '{"severity":"3"}']],
  ["syslog's informational in JSON", "info", ['{"level":6}', '{"level":5}']],
  [
    "what is above an error",
    "fatal",
    [
      '{"level":"critical"}',
      '{"level":"FATAL"}',
      '{"level":"alert"}',
      '{"level":"emerg"}',
      '{"level":"panic"}',
      '{"level":0}',
      '{"level":2}',
      "<8>x",
      "CRITICAL:root:x",
      "level=panic",
    ],
  ],
  ["a syslog priority of an error", "error", ["<11>Nov 23 12:31:07 h app: x", "<3>x", "<187>1 - - - - - - DEBUG"]],
  ["a syslog priority of a warning", "warn", ["<12>x", "<188>x"]],
  ["a syslog priority of a notice, or less", "info", ["<13>ERROR", "<14>x", '<134>{"level":"error"}']],
  ["a syslog priority of debugging", "debug", ["<15>x", "<191>x"]],
  [
    "key=value",
    "warn",
    [
      'time="2026-11-23 12:31:10,042" level=warning msg="ERROR" pid=3',
      "severity=WARN",
      'level="warn" msg=x',
      "lvl=wrn",
      "ts=1 LEVEL='Warn'",
      "loglevel=warn",
      at(200, "level=warn"),
      "{'level': 'warn', 'x': 1}",
      '{"level":"warn","cut',
    ],
  ],
  [
    "a level's name in the head",
    "error",
    [
      "ERROR failed to leave DEBUG mode",
      "2026-11-23T12:31:07.482Z ERROR service-7 x",
      "2026-11-23 12:31:10.771 [main] ERROR com.example.X - DEBUG",
      "[ERROR] x",
      "ERROR: x",
      "x|ERROR|y",
      "ERROR:root:x",
      "[2026-11-23 12:31:07,123: ERROR/MainProcess] x",
      "[2026-11-23T12:31:07+00:00] app.ERROR: x",
      "2026/11/23 12:31:07 [error] 1234#0: *1 x",
      "[Mon Nov 23 12:31:07 2026] [core:error] [pid 1] x",
      "error: cannot open x",
      "Error: x",
      "<err> x",
      "Nov 23 12:31:08 host app: error: x",
      "SEVERE: x",
      "fail: Microsoft.Hosting[0]",
      "E1123 12:31:11.214503   24117 controller.go:289] x",
      "ERROR",
      "x ERR y",
      at(126, "ERROR x").slice(0, 140),
    ],
  ],
  [
    "JSON whose own fields tell nothing, read as text",
    "error",
    ['{"log":"ERROR x","stream":"stderr"}', '{"data":{"level":"error"}}', '{"level":5.5,"message":"[error] x"}'],
  ],
  ["a name of info in the head", "info", ["INFO no ERROR", "info: x", "I1123 12:31:11.2 x", "NOTICE x", "[notice] x"]],
  ["a name of debugging in the head", "debug", ["DEBUG ERROR", "dbug: x", "[debug] x"]],
  ["a name of tracing in the head", "trace", ["TRACE x", "trce: x", "VERBOSE x"]],
  [
    "what tells nothing",
    "unknown",
    [
      "x",
      "an error in prose",
      "one, error of many",
      "11-23 12:31:07.482  1702  2395 X Tag: x",
      "11-23 12:31:07.482  1702  2395 T Tag: x",
      "11-23 12:31:07.482  1702  2395 E",
      "11-23 12:31:07.482  1702 E Tag: x",
      "11-23 12:31:07.48  1702  2395 E Tag: x",
      '{"level":"e"}',
      '{"level":"Q"}',
      "level=e",
      "GET /error 200",
      "no warnings",
      "TRACE-ID: 5",
      "TRACE_ID=5",
      "see ERROR.log",
      "DEBUG=true ./run",
      "xERROR",
      "ERRORS",
      "9ERROR",
      "FINE work",
      "FAIL",
      at(128, "ERROR"),
      at(256, "level=warn"),
      `${".".repeat(254)} level=warn`,
      "level=9",
      "level=",
      "level: warn",
      "<192>x",
      "<1234>x",
      "<>x",
      "<1x>",
      "<1",
      "E1123 1:31:11 x",
      "X1123 12:31:11 x",
      '{"level":8}',
      '{"level":70}',
      '{"level":-1}',
      '{"level":30.5}',
      '{"level":true}',
      '{"status":500}',
      '{"status":"ok"}',
      '{"severityNumber":0}',
      '{"severityNumber":25}',
      '{"log":["error"]}',
      '["error"]',
      "{}",
    ],
  ],
];

for (const engine of engines()) {
  describe(`severity on ${engine.name}`, () => {
    it.each(table)("%s: %s", (_title, told, records) => {
      const { routes, records: kept } = run(engine, plan, Buffer.from(`${records.join("\n")}\n`));
      const found = routes.map(
        (bits) => ["unknown", ...levels][levels.filter((_, bit) => (bits >> BigInt(bit)) & 1n).length],
      );
      expect(kept.map((record, index) => [String(record), found[index]])).toEqual(
        records.map((record) => [record, told]),
      );
    });
  });
}
