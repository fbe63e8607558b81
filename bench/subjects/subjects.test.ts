/** What every subject makes of the same job. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readManifest } from "../../src/manifest/manifest.ts";
import type { NativePrograms } from "../programs.ts";
import { attributeFilter, detectors, filterRedact, type Job, nothing } from "../work.ts";
import { allSubjects, peerNames } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "streamgate-bench-subjects-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Any file that is there will do: nothing is started.
const programs: NativePrograms = { sender: "", udpSender: "", sink: "", floor: "floor", judge: "" };
const paths = new Map(
  peerNames.filter((name) => !/^(streamgate|rsyslog-modules)$/.test(name)).map((name) => [name, process.execPath]),
);
const subjects = allSubjects(programs, paths);

const job = (more: Partial<Job>): Job => ({
  ...{ input: "tcp", work: nothing, destination: { kind: "file" }, connections: 4 },
  ...more,
});
const jobs: readonly (readonly [string, Job])[] = [
  ["raw", job({})],
  ["filter and redact", job({ work: filterRedact })],
  ["filter and redact, own best", job({ work: filterRedact, best: true })],
  ["detectors", job({ work: detectors })],
  ["JSON", job({ work: attributeFilter })],
  ["HTTP", job({ destination: { kind: "http", records: 500 } })],
  ["a FIFO", job({ destination: { kind: "fifo" } })],
  ["UDP", job({ input: "udp" })],
  ["500 connections", job({ connections: 500 })],
];

describe.each(subjects.map((subject) => [subject.name, subject] as const))("%s", (_, subject) => {
  it.each(jobs)("is told everything about %s, or refuses with a reason", (name, job) => {
    const refusal = subject.refuses(job);
    if (refusal !== undefined) {
      expect(refusal).toMatch(/\w+ \w+/);
      return;
    }
    const site = {
      port: 40_001,
      sinkPort: 40_002,
      folder: mkdtempSync(join(folder, "site-")),
      output: "/tmp/kept.log",
    };
    const { file, args, stdout } = subject.command(job, site);
    const told = [file, ...args, stdout ?? "", ...textsIn(site.folder)].join("\n");
    expect(told).toContain("40001");
    expect(told).toContain(job.destination.kind === "http" ? "40002" : "/tmp/kept.log");
    if (subject.rank === "floor") return;
    for (const literal of job.work.drop) expect(told, name).toContain(literal);
    for (const { replacement } of job.work.redact) expect(told, name).toContain(replacement);
    if (job.work.dropJson !== undefined) expect(told).toContain(job.work.dropJson.equals);
  });
});

describe("streamgate", () => {
  it.each(jobs.filter(([, { best }]) => best !== true))("is given a manifest for %s that it takes", (_name, job) => {
    const site = { port: 1, sinkPort: 2, folder: mkdtempSync(join(folder, "site-")), output: "x" };
    subjects.find(({ name }) => name === "streamgate")!.command(job, site);
    const manifest = JSON.parse(readFileSync(join(site.folder, "control", "published.json"), "utf8"));
    expect(() => readManifest(manifest, () => ({ ok: true, groups: 0 }))).not.toThrow();
  });
});

function textsIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "utf8"));
}
