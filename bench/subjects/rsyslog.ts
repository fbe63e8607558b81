/**
 * rsyslog: no replace by pattern, so the first match is extracted and that text replaced wherever it stands: a second, different
 * match in a line would leak (the corpus has at most one of a kind a line). POSIX patterns have no `\b`. Its TCP input would take a line that
 * starts with a digit for an octet count unless told otherwise. Run with 8.2302.0 as Debian has it.
 *
 * A backlog of 1024: with its default of 5 it takes half a minute until 500 connections are made.
 *
 * HTTP is `omhttp` where it is installed, else `omelasticsearch`, which adds an action line and JSON escaping to each record.
 */

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { posix } from "../corpora/personal_data.ts";
import { findProgram, firstLineOf, whyMissing } from "../programs.ts";
import type { Job, Work } from "../work.ts";
import { quoted, type Site, type Subject } from "./subject.ts";

/** @param modules a folder with further modules, beside the packaged one */
export const rsyslog = (path: string | undefined, modules: string | undefined): Subject => {
  const folders = [
    "/usr/lib/x86_64-linux-gnu/rsyslog",
    "/usr/lib/aarch64-linux-gnu/rsyslog",
    "/usr/lib64/rsyslog",
    "/usr/lib/rsyslog",
  ];
  const moduleFolders = [...folders, ...(modules === undefined ? [] : [modules])].filter((folder) =>
    existsSync(folder),
  );
  const httpModule = ["omhttp", "omelasticsearch"].find((name) =>
    moduleFolders.some((folder) => existsSync(join(folder, `${name}.so`))),
  );
  return {
    name: "rsyslog",
    rank: "peer",
    missing: () => whyMissing("rsyslogd", findProgram("rsyslogd", path), ["-v"]),
    version: () => firstLineOf(findProgram("rsyslogd", path)!, ["-v"]).replace(/\s*\(aka.*/, ""),
    refuses({ best, destination }) {
      if (best === true) return "its plain configuration is its best one";
      if (destination.kind === "http" && httpModule === undefined)
        return "neither omhttp nor omelasticsearch is installed";
      return undefined;
    },
    marker: ({ destination }) =>
      destination.kind === "http" && httpModule === "omelasticsearch" ? '{"m":' : undefined,
    command(job, site) {
      const config = join(site.folder, "rsyslog.conf");
      writeFileSync(config, configOf(job, site, httpModule));
      const state = ["-f", config, "-i", join(site.folder, "pid"), "-M", moduleFolders.join(":")];
      return { file: findProgram("rsyslogd", path)!, args: ["-n", ...state] };
    },
  };
};

function configOf(job: Job, site: Site, httpModule: string | undefined): string {
  const { destination, input, work } = job;
  // What a request carries is what the queue hands over at once.
  const records = destination.kind === "http" ? destination.records : 1024;
  const [module, source] =
    input === "udp"
      ? [
          'module(load="imudp" threads="2" batchSize="128")',
          `input(type="imudp" address="127.0.0.1" port="${site.port}" ruleset="r" rcvbufSize="4m")`,
        ]
      : [
          'module(load="imptcp" threads="2")',
          `input(type="imptcp" address="127.0.0.1" port="${site.port}" ruleset="r" supportOctetCountedFraming="off"
  socketBacklog="1024")`,
        ];
  return `global(workDirectory="${site.folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off" net.enableDNS="off")
${module}
${work.dropJson === undefined ? "" : 'module(load="mmjsonparse")'}
${destination.kind === "http" ? `module(load="${httpModule}")` : ""}
template(name="line" type="string" string="%$.m%\\n")
template(name="body" type="string" string="%$.m%")
template(name="document" type="string" string="{\\"m\\":\\"%$.m:::json%\\"}")
ruleset(name="r" queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="${records}" queue.workerThreads="1") {
  set $.m = $rawmsg;
${statementsOf(work)}
  ${actionOf(job, site, httpModule)}
}
${source}
`;
}

function statementsOf({ drop, dropJson, redact }: Work): string {
  const statements = drop.map((literal) => `  if $rawmsg contains ${quoted(literal)} then stop`);
  if (dropJson !== undefined) {
    statements.push(
      '  action(type="mmjsonparse" cookie="" useRawMsg="on")',
      `  if $!${dropJson.path.join("!")} == ${quoted(dropJson.equals)} then stop`,
    );
  }
  for (const { pattern, replacement } of redact) {
    statements.push(
      `  set $.s = re_extract($.m, ${quoted(posix(pattern))}, 0, 0, "");`,
      `  if $.s != "" then { set $.m = replace($.m, $.s, ${quoted(replacement)}); }`,
    );
  }
  return statements.join("\n");
}

function actionOf({ destination }: Job, { output, sinkPort }: Site, httpModule: string | undefined): string {
  // Not ompipe, which gives up for a while when the FIFO is full.
  if (destination.kind !== "http")
    return `action(type="omfile" file="${output}" template="line" ioBufferSize="256k" flushOnTXEnd="on")`;
  if (httpModule === "omhttp")
    return `action(type="omhttp" server="127.0.0.1" serverport="${sinkPort}" restpath="logs" usehttps="off" template="body" batch="on"
    batch.format="newline" batch.maxsize="${destination.records}" batch.maxbytes="2097152" action.resumeRetryCount="-1")`;
  return `action(type="omelasticsearch" server="127.0.0.1" serverport="${sinkPort}" template="document" searchIndex="logs" searchType=""
    bulkmode="on" maxbytes="2m" action.resumeRetryCount="-1")`;
}
