/**
 * Fluent Bit: no filter replaces by pattern, so redaction is Lua, whose patterns are no regular expressions: frontiers stand for `\b`, and
 * only shapes without alternatives or counted repetition can be said at all. HTTP sends whole chunks of about 2 MB, whatever is
 * asked for, each line wrapped as {"log": …}. Flushes every 0.2 s (its default is 1 s).
 *
 * File and HTTP for plain, filtered and redacted lines were run with 5.1.1; the JSON parser and UDP follow its documentation and are not
 * validated. Its best configuration leaves out the frontier before each pattern (about 5 % less CPU), which this corpus cannot tell apart.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { creditCard, usSsn } from "../corpora/personal_data.ts";
import { findProgram, firstLineOf, whyMissing } from "../programs.ts";
import type { Job, Work } from "../work.ts";
import { quoted, type Site, type Subject } from "./subject.ts";

const luaPatterns: ReadonlyMap<string, string> = new Map([
  [usSsn.pattern, "%f[%d]%d%d%d%-%d%d%-%d%d%d%d%f[%D]"],
  [creditCard.pattern, "%f[%d]%d%d%d%d[ %-]?%d%d%d%d[ %-]?%d%d%d%d[ %-]?%d%d%d%d%f[%D]"],
]);

export const fluentBit = (path: string | undefined): Subject => ({
  name: "fluent-bit",
  rank: "peer",
  missing: () => whyMissing("fluent-bit", findProgram("fluent-bit", path), ["--version"]),
  version: () => firstLineOf(findProgram("fluent-bit", path)!, ["--version"]),
  refuses({ work, best, destination }) {
    if (work.redact.some(({ pattern }) => !luaPatterns.has(pattern))) return "Lua patterns cannot express the rules";
    if (best === true && work.redact.length === 0) return "its plain configuration is its best one";
    if (destination.kind === "http" && destination.records < 10_000) return "it sends whole chunks of about 2 MB";
    return undefined;
  },
  marker: ({ destination }) => (destination.kind === "http" ? '{"log":' : undefined),
  command(job, site) {
    const config = join(site.folder, "fluent-bit.conf");
    writeFileSync(join(site.folder, "parsers.conf"), "[PARSER]\n    Name json\n    Format json\n");
    writeFileSync(join(site.folder, "redact.lua"), script(job.work, job.best === true));
    writeFileSync(config, configOf(job, site));
    return { file: findProgram("fluent-bit", path)!, args: ["-c", config] };
  },
});

function configOf({ input, work, destination }: Job, { port, folder, output, sinkPort }: Site): string {
  const sections = [
    section("SERVICE", { Flush: "0.2", Daemon: "Off", Log_Level: "warn", Parsers_File: join(folder, "parsers.conf") }),
    input === "tcp"
      ? section("INPUT", {
          ...{ Name: "tcp", Listen: "127.0.0.1", Port: port, Format: "none" },
          ...{ Chunk_Size: 512, Buffer_Size: 512, Tag: "in" },
        })
      : section("INPUT", {
          ...{ Name: "udp", Listen: "127.0.0.1", Port: port, Format: "none" },
          ...{ Receive_Buffer_Size: 4_194_304, Tag: "in" },
        }),
    ...work.drop.map((literal) => section("FILTER", { Name: "grep", Match: "*", Exclude: `log ${literal}` })),
  ];
  if (work.dropJson !== undefined) {
    const key = `$${work.dropJson.path[0]}${work.dropJson.path
      .slice(1)
      .map((name) => `['${name}']`)
      .join("")}`;
    sections.push(
      section("FILTER", {
        ...{ Name: "parser", Match: "*", Key_Name: "log", Parser: "json", Preserve_Key: "On", Reserve_Data: "On" },
      }),
      section("FILTER", { Name: "grep", Match: "*", Exclude: `${key} ^${work.dropJson.equals}$` }),
    );
  }
  if (work.redact.length > 0) {
    const lua = { Name: "lua", Match: "*", Script: join(folder, "redact.lua"), Call: "redact" };
    sections.push(section("FILTER", lua));
  }
  sections.push(
    destination.kind === "http"
      ? section("OUTPUT", {
          ...{ Name: "http", Match: "*", Host: "127.0.0.1", Port: sinkPort, URI: "/logs" },
          ...{ Format: "json_lines", Json_Date_Key: "false" },
        })
      : section("OUTPUT", { Name: "file", Match: "*", File: output, Format: "template", Template: "{log}" }),
  );
  return sections.join("\n");
}

function section(name: string, keys: Readonly<Record<string, string | number>>): string {
  return `[${name}]\n${Object.entries(keys)
    .map(([key, value]) => `    ${key} ${value}\n`)
    .join("")}`;
}

function luaOf(pattern: string, best: boolean): string {
  const lua = luaPatterns.get(pattern)!;
  return best ? lua.replace(/^%f\[%d\]/, "") : lua;
}

function script({ redact }: Work, best: boolean): string {
  const replacements = redact.map(
    ({ pattern, replacement }, index) =>
      `  s, n[${index + 1}] = string.gsub(s, ${quoted(luaOf(pattern, best)).replaceAll("\\\\", "\\")}, ${quoted(replacement)})`,
  );
  return `function redact(tag, timestamp, record)
  local s, n, changed = record["log"], {}, 0
${replacements.join("\n")}
  for _, count in ipairs(n) do changed = changed + count end
  if changed == 0 then return 0, 0, 0 end
  record["log"] = s
  return 2, timestamp, record
end
`;
}
