/**
 * syslog-ng: PCRE `subst`, lines unparsed, flow control on so that nothing is lost. Run with 3.38.1 as Debian has it; the options
 * are those that 4.x takes as well.
 *
 * Its plain configuration is its best one: larger windows, fetch limits and flush-lines, a condition before each `subst`, and patterns whose word
 * border is looked at behind their first digits each cost 10 to 15 % more CPU on 1,000,000 lines of the plain corpus.
 *
 * Where it is not installed it is taken from where `.ci/run` unpacks it, as its package excludes rsyslog's.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram, firstLineOf, whyMissing } from "../programs.ts";
import type { Job, Work } from "../work.ts";
import { quoted, type Site, type Subject } from "./subject.ts";

const place = "usr/sbin/syslog-ng";
const unpacked = fileURLToPath(new URL(`../../.cache/senders/${place}`, import.meta.url));

interface Installation {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly moduleArgs: readonly string[];
}

/** A package unpacked elsewhere than at / is told where its libraries and modules are. */
function installationOf(path: string | undefined): Installation | undefined {
  const file = findProgram("syslog-ng", path) ?? (path === undefined ? findProgram("syslog-ng", unpacked) : undefined);
  if (file === undefined) return undefined;
  const root = file.endsWith(`/${place}`) ? file.slice(0, -place.length) : "/";
  const library = join(root, "usr/lib/syslog-ng");
  if (root === "/" || !existsSync(library)) return { file, env: {}, moduleArgs: [] };
  const modules = readdirSync(library).find((name) => /^\d/.test(name));
  return {
    file,
    env: { LD_LIBRARY_PATH: library },
    moduleArgs: modules === undefined ? [] : ["--module-path", join(library, modules)],
  };
}

/** @returns undefined when it does not tell */
function modulesOf({ file, env, moduleArgs }: Installation): readonly string[] | undefined {
  const { stdout } = spawnSync(file, ["--version", ...moduleArgs], {
    ...{ encoding: "utf8", timeout: 10_000 },
    env: { ...process.env, ...env },
  });
  return /^Available-Modules:(.*)$/m
    .exec(stdout ?? "")?.[1]
    ?.split(",")
    .map((name) => name.trim());
}

export const syslogNg = (path: string | undefined): Subject => {
  const installation = installationOf(path);
  let modules: readonly string[] | undefined;
  return {
    name: "syslog-ng",
    rank: "peer",
    missing: () => whyMissing("syslog-ng", installation?.file, ["--version"], installation?.env),
    version: () => firstLineOf(installation!.file, ["--version"], installation!.env),
    refuses({ best, destination }) {
      if (best === true) return "its plain configuration is its best one";
      if (destination.kind !== "http") return undefined;
      modules ??= modulesOf(installation!);
      return modules?.includes("http") === false ? "its module http (libhttp.so) is not installed" : undefined;
    },
    command(job, site) {
      const { folder } = site;
      const { file, env, moduleArgs } = installation!;
      const config = join(folder, "syslog-ng.conf");
      writeFileSync(config, configOf(job, site));
      const state = ["-R", join(folder, "persist"), "-c", join(folder, "ctl"), "-p", join(folder, "pid")];
      return { file, args: ["-F", "--no-caps", "-f", config, ...state, ...moduleArgs], env };
    },
  };
};

function configOf(job: Job, site: Site): string {
  const connections = job.connections + 6;
  // log-iw-size is shared out over max-connections, and what a connection has in flight is bounded by its share: it must hold whole
  // requests for both workers, or they wait for batch-timeout. 100 is the least share that it takes.
  const records = job.destination.kind === "http" ? job.destination.records : 0;
  const share = Math.max(job.connections > 100 ? 100 : 1000, Math.ceil((4 * records) / job.connections));
  const window = connections * share;
  const source =
    job.input === "udp"
      ? `network(ip("127.0.0.1") port(${site.port}) transport("udp") flags(no-parse) so-rcvbuf(4194304) log-iw-size(100000)
    log-fetch-limit(1000) log-msg-size(65536));`
      : `network(ip("127.0.0.1") port(${site.port}) transport("tcp") flags(no-parse)
    max-connections(${connections}) listen-backlog(1024) log-iw-size(${window}) log-fetch-limit(1000) log-msg-size(65536));`;
  return `@version: 3.38
options { stats-freq(0); threaded(yes); keep-hostname(yes); use-dns(no); dns-cache(no); log-fifo-size(${2 * window}); };
log {
  source { ${source} };
${elementsOf(job.work)}
  destination { ${destinationOf(job, site)}; };
  flags(flow-control);
};
`;
}

function elementsOf({ drop, dropJson, redact }: Work): string {
  const elements = drop.map(
    (literal) => `  filter { not message(${quoted(literal)} type(string) flags(substring)); };`,
  );
  if (dropJson !== undefined) {
    elements.push(
      '  parser { json-parser(prefix(".json.")); };',
      `  filter { not (${quoted(`\${.json.${dropJson.path.join(".")}}`)} eq ${quoted(dropJson.equals)}); };`,
    );
  }
  for (const { pattern, replacement } of redact) {
    const subst = `rewrite { subst(${quoted(pattern)}, ${quoted(replacement)}, value("MESSAGE") type(pcre) flags(global)); };`;
    elements.push(`  ${subst}`);
  }
  return elements.join("\n");
}

function destinationOf({ destination }: Job, { output, sinkPort }: Site): string {
  if (destination.kind === "http")
    return `http(url("http://127.0.0.1:${sinkPort}/logs") method("POST") headers("Content-Type: text/plain")
    body("$MSG") delimiter("\\n") batch-lines(${destination.records}) batch-bytes(2048Kb) batch-timeout(200) workers(2))`;
  if (destination.kind === "fifo") return `pipe("${output}" template("$MSG\\n"))`;
  return `file("${output}" template("$MSG\\n") create-dirs(no) flush-lines(1000))`;
}
