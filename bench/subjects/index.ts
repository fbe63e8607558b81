/** Every subject, in the order of the table. */

import type { NativePrograms } from "../programs.ts";
import { floor } from "./floor.ts";
import { fluentBit } from "./fluent_bit.ts";
import { otelcol } from "./otelcol.ts";
import { rsyslog } from "./rsyslog.ts";
import { streamgate } from "./streamgate.ts";
import type { Subject } from "./subject.ts";
import { syslogNg } from "./syslog_ng.ts";
import { vector } from "./vector.ts";

/** Names that `--peer NAME=PATH` takes. */
export const peerNames = [
  "streamgate",
  "syslog-ng",
  "rsyslog",
  "rsyslog-modules",
  "fluent-bit",
  "vector",
  "otelcol",
] as const;

/** @param paths by peer name; for streamgate the folder of a built checkout, for rsyslog-modules a folder with modules */
export function allSubjects(programs: NativePrograms, paths: ReadonlyMap<string, string>): readonly Subject[] {
  return [
    floor(programs.floor),
    floor(programs.floor, 1000),
    streamgate("native", paths.get("streamgate")),
    streamgate("portable", paths.get("streamgate")),
    syslogNg(paths.get("syslog-ng")),
    rsyslog(paths.get("rsyslog"), paths.get("rsyslog-modules")),
    fluentBit(paths.get("fluent-bit")),
    vector(paths.get("vector")),
    otelcol(paths.get("otelcol")),
  ];
}
