/**
 * Judges what StreamGate is deployed by, each with the program that knows: Dockerfile, compose file, what Prometheus reads, systemd unit, Helm
 * chart. Of each file of values under deploy/helm/streamgate/ci the chart is rendered, the result held against Kubernetes' own schemas of the
 * oldest and the newest version, and each container's command started with its variables (rendered_pods.mjs).
 *
 *     npm run deploy:check [-- --require]
 *
 * What a program is missing for is said in one line; with `--require` it is a failure. `npm run build` first. Its last line is
 * `N passed, N failed, N not tried`; exit status 1 where something failed.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startPods } from "./rendered_pods.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const required = process.argv.includes("--require");
const chart = "deploy/helm/streamgate";
/** The oldest one that Chart.yaml takes, and the newest that the validator knows. */
const kubernetesVersions = ["1.30", undefined];
const work = mkdtempSync(join(tmpdir(), "streamgate-deploy-"));
const total = { passed: 0, failed: 0, skipped: 0 };

/** @param {string | undefined} fault why it failed; undefined: it passed */
function book(name, fault) {
  total[fault === undefined ? "passed" : "failed"]++;
  console.log(`${fault === undefined ? "ok    " : "FAILED"} ${name}`);
  if (fault !== undefined) console.log(fault.trimEnd().replace(/^/gm, "       "));
  return fault === undefined;
}

function skip(name, program) {
  total[required ? "failed" : "skipped"]++;
  console.log(`${required ? "FAILED" : "-     "} ${name}: ${program} is not here`);
}

function isThere(program) {
  return spawnSync(program, ["--help"], { stdio: "ignore" }).error === undefined;
}

/** @returns what it printed on standard output, or undefined where it failed */
function step(name, program, args, { mayPrint = true } = {}) {
  if (!isThere(program)) return void skip(name, program);
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const printed = `${stdout}${stderr}`;
  const isRight = status === 0 && (mayPrint || printed.trim() === "");
  return book(name, isRight ? undefined : printed) ? stdout : undefined;
}

step("Dockerfile: hadolint", "hadolint", ["Dockerfile"]);
step("docker-compose.yaml: compose's schema", "check-jsonschema", [
  ...["--builtin-schema", "vendor.compose-spec", "docker-compose.yaml"],
]);
// Its paths are those inside the container.
const scrape = join(work, "prometheus.yml");
const rules = join(root, "deploy/prometheus/alerts.yml");
writeFileSync(
  scrape,
  readFileSync(join(root, "deploy/docker/prometheus.yml"), "utf8").replace("/etc/prometheus/alerts.yml", rules),
);
step("deploy/docker/prometheus.yml: promtool", "promtool", ["check", "config", scrape]);
step("deploy/systemd: systemd-analyze verify", "systemd-analyze", ["verify", "deploy/systemd/streamgate.service"], {
  mayPrint: false,
});

const sets = globSync(`${chart}/ci/*-values.yaml`, { cwd: root }).toSorted();
if (isThere("helm")) {
  for (const values of sets) await judge(values);
  refusals();
} else skip(`${chart}: ${sets.length} files of values`, "helm");

rmSync(work, { recursive: true });
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} not tried`);
process.exit(total.failed === 0 ? 0 : 1);

async function judge(values) {
  const name = basename(values);
  const kube = ["--kube-version", `${kubernetesVersions[0]}.0`];
  step(`${name}: helm lint --strict`, "helm", ["lint", "--strict", ...kube, "--values", values, chart]);
  const text = step(`${name}: helm template`, "helm", ["template", "gate", chart, ...kube, "--values", values]);
  if (text === undefined) return;
  const rendered = join(work, name);
  writeFileSync(rendered, text);
  for (const version of kubernetesVersions) {
    const of = version === undefined ? [] : ["--kubernetes-version", version];
    // Kinds that are not Kubernetes' own (ServiceMonitor) are passed over with a warning.
    step(`${name}: kubernetes-validate --strict ${version ?? "newest"}`, "kubernetes-validate", [
      ...["--strict", "--quiet", "--no-warn", ...of, rendered],
    ]);
  }
  for (const { pod, fault } of await startPods(text, work)) book(`${name}: ${pod}`, fault);
}

/** Values that must not pass: a schema that takes everything would find no misspelling. */
function refusals() {
  const wrong = [
    ["data.settings.TCP_FRAMING=octett", "TCP_FRAMING"],
    ["data.settings.TCP_FRAMINGS=octet", "TCP_FRAMINGS"],
    ["data.settings.MAX_RECORD_BYTES=12", "MAX_RECORD_BYTES"],
    ["data.settings.TLS_CERT=/x", "TLS_CERT"],
    ["data.replica=3", "replica"],
    ["config.outputs[0].type=datadog", "config"],
    ["auth.tokens[0]=secret", "tokens"],
  ];
  for (const [set, word] of wrong) {
    const { status, stderr } = spawnSync(
      "helm",
      ["template", "gate", chart, "--kube-version", "1.30.0", "--set", set],
      {
        ...{ cwd: root, encoding: "utf8" },
      },
    );
    const fault = status === 0 ? "it was taken" : stderr.includes(word) ? undefined : stderr;
    book(`--set ${set} is refused`, fault);
  }
}
