/** syslog-ng: PCRE `subst`, lines unparsed, flow control on so that nothing is lost. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../programs.ts";
import { cardPattern, type Subject, scenarios, ssnPattern } from "./subject.ts";

const quoted = (pattern: string) => `"${pattern.replaceAll("\\", "\\\\")}"`;

export const syslogNg = (path: string | undefined): Subject => ({
  name: "syslog-ng",
  scenarios,
  missing: () => (findProgram("syslog-ng", path) === undefined ? "syslog-ng is not installed" : undefined),
  command(scenario, { port, folder, output }) {
    const config = join(folder, "syslog-ng.conf");
    const edits =
      scenario === "raw"
        ? ""
        : `filter { not message("DEBUG" type(string) flags(substring)); };
  rewrite {
    subst(${quoted(ssnPattern)}, "XXX-XX-XXXX", value("MESSAGE") type(pcre) flags(global));
    subst(${quoted(cardPattern)}, "[CARD]", value("MESSAGE") type(pcre) flags(global));
  };`;
    writeFileSync(
      config,
      `@version: 3.38
options { stats-freq(0); threaded(yes); keep-hostname(yes); use-dns(no); dns-cache(no); log-fifo-size(100000); };
log {
  source { network(ip("127.0.0.1") port(${port}) transport("tcp") flags(no-parse)
    max-connections(40) log-iw-size(40000) log-fetch-limit(1000) log-msg-size(65536)); };
  ${edits}
  destination { file("${output}" template("$MSG\\n") create-dirs(no) flush-lines(1000)); };
  flags(flow-control);
};
`,
    );
    const state = ["-R", join(folder, "persist"), "-c", join(folder, "ctl"), "-p", join(folder, "pid")];
    return { file: findProgram("syslog-ng", path)!, args: ["-F", "--no-caps", "-f", config, ...state] };
  },
});
