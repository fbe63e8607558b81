/**
 * rsyslog: no replace by pattern, so the first match is extracted and that text replaced wherever it stands; POSIX patterns have no
 * `\b`. Its TCP input would take a line that starts with a digit for an octet count unless told otherwise.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../programs.ts";
import { type Subject, scenarios } from "./subject.ts";

const edits = `
  if $rawmsg contains "DEBUG" then stop
  set $.s = re_extract($.m, "[0-9]{3}-[0-9]{2}-[0-9]{4}", 0, 0, "");
  if $.s != "" then { set $.m = replace($.m, $.s, "XXX-XX-XXXX"); }
  set $.c = re_extract($.m, "[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}", 0, 0, "");
  if $.c != "" then { set $.m = replace($.m, $.c, "[CARD]"); }`;

export const rsyslog = (path: string | undefined): Subject => ({
  name: "rsyslog",
  scenarios,
  missing: () => (findProgram("rsyslogd", path) === undefined ? "rsyslogd is not installed" : undefined),
  command(scenario, { port, folder, output }) {
    const config = join(folder, "rsyslog.conf");
    writeFileSync(
      config,
      `global(workDirectory="${folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off" net.enableDNS="off")
module(load="imptcp" threads="2")
template(name="line" type="string" string="%$.m%\\n")
ruleset(name="r" queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="1024" queue.workerThreads="1") {
  set $.m = $rawmsg;${scenario === "raw" ? "" : edits}
  action(type="omfile" file="${output}" template="line" ioBufferSize="256k" flushOnTXEnd="on")
}
input(type="imptcp" address="127.0.0.1" port="${port}" ruleset="r" supportOctetCountedFraming="off")
`,
    );
    return { file: findProgram("rsyslogd", path)!, args: ["-n", "-f", config, "-i", join(folder, "pid")] };
  },
});
