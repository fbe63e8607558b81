/** What Prometheus and its tools say of our metrics, alert rules and dashboard; and a real Prometheus that scrapes while records pass. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { dataMetrics } from "../../src/telemetry/data_metrics.ts";
import { processMetrics } from "../../src/telemetry/process_metrics.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { engines, needsProgram, program, repository } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { atRest } from "../fixtures/status.ts";
import { until } from "../fixtures/wait.ts";

let prometheus: ChildProcess | undefined;
afterEach(async () => {
  if (prometheus !== undefined) {
    prometheus.kill("SIGKILL");
    await once(prometheus, "close");
    prometheus = undefined;
  }
  await disposeGates();
});

const alertsFile = join(repository, "deploy/prometheus/alerts.yml");
const dashboardFile = join(repository, "deploy/grafana/streamgate.json");

/** Every query of the dashboard, with what Grafana would put in for its variables. */
function dashboardQueries(): string[] {
  const { panels } = JSON.parse(readFileSync(dashboardFile, "utf8")) as { panels: { targets?: { expr: string }[] }[] };
  return panels
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*"));
}

/** Names of metrics in a text; series of a histogram as the histogram. */
function namesIn(text: string): string[] {
  const names = text.match(/\b(?:streamgate|process)_[a-z0-9_]+\b/g) ?? [];
  return [...new Set(names.map((name) => name.replace(/_bucket$/, "")))];
}

describe("the dashboard and the alert rules", () => {
  const declared = new Set([...dataMetrics, ...processMetrics].map(({ name }) => name));

  it("name metrics that there are", () => {
    const named = namesIn([...dashboardQueries(), readFileSync(alertsFile, "utf8")].join("\n"));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !declared.has(name))).toEqual([]);
  });

  const promtool = needsProgram("promtool");
  describe.skipIf(promtool.skip)(`as promtool reads them${promtool.note}`, () => {
    const check = (args: string[], input = "") => {
      const { status, stdout, stderr } = spawnSync(program("promtool"), args, { input, encoding: "utf8" });
      return { status, said: `${stdout}${stderr}` };
    };

    it("are right, and so is the example configuration", () => {
      expect(check(["check", "rules", alertsFile])).toMatchObject({ status: 0 });
      const config = join(repository, "deploy/prometheus/prometheus.yml");
      expect(check(["check", "config", config])).toMatchObject({ status: 0 });
    });

    it("ask what can be asked: each query of the dashboard", () => {
      const rules = dashboardQueries().map((expr, index) => ({ record: `panel:${index}`, expr }));
      const file = join(mkdtempSync(join(tmpdir(), "streamgate-dashboard-")), "rules.yml");
      writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
      const answer = check(["check", "rules", file]);
      rmSync(dirname(file), { recursive: true });
      expect(answer).toMatchObject({ status: 0 });
      expect(answer.said).toContain(`${rules.length} rules found`);
    });

    it("and the metrics of a gate under traffic follow the conventions", async () => {
      const gate = await Gate.start();
      await gate.addRule("drop", "filter", { value: "DEBUG" });
      await gate.addRule("all", "redact", { detectors: ["all"] });
      await gate.publish();
      await gate.send("DEBUG one\nmail a@example.com\n");
      await gate.waitForLines(1);
      const text = await (await fetch(`${gate.url}/metrics`)).text();
      expect(check(["check", "metrics"], text)).toEqual({ status: 0, said: "" });
      // Whatever is answered is in the table.
      expect(
        namesIn(text.replaceAll(/^#.*$/gm, ""))
          .map((name) => name.replace(/_(sum|count)$/, ""))
          .filter((name) => !declared.has(name)),
      ).toEqual([]);
    });
  });
});

const server = needsProgram("prometheus");
for (const { engine, skip, note } of engines)
  describe.skipIf(skip || server.skip)(
    `a Prometheus that scrapes each second, on ${engine}${note}${server.note}`,
    () => {
      it("has the numbers of the senders and the receiver, by TCP and UDP", async () => {
        const sink = await Sink.start();
        const gate = await Gate.start({ engine, env: { ADMIN_PORT: String(await freePort()) } });
        await gate.addRule("drop_debug", "filter", { value: "DEBUG" });
        await gate.addRule("pii", "redact", { detectors: ["email", "us_ssn"] });
        await gate.ok("POST", "/outputs", { id: "siem", type: "http", url: sink.url });
        await gate.publish();
        const port = await startPrometheus(gate.adminPort);

        const kinds = [
          "DEBUG noise",
          "INFO plain",
          "INFO mail a@example.com and b@example.com",
          "INFO ssn 123-45-6789",
        ];
        const rounds = 5000;
        const lines = `${kinds.join("\n")}\n`.repeat(100);
        for (let sent = 0; sent < rounds; sent += 100) {
          await gate.send(lines);
          if (sent % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 300));
        }
        const datagrams = 2000;
        await sendDatagrams(gate.udpPort, "INFO by udp", datagrams);
        await until("every record has come, or is known to be lost", async () => {
          const { received, lost } = await gate.ok("GET", "/status");
          return (
            received.records + (lost.kernel?.records ?? 0) + (lost.ring_full?.records ?? 0) === 4 * rounds + datagrams
          );
        });
        const { outputs } = await atRest(gate);

        const ask = (query: string) => queryOf(port, query);
        const total = (metric: string, labels = "") => ask(`sum(streamgate_${metric}{${labels}})`);
        const delivered = () => total("records_delivered_total", 'output="siem"');
        await until(
          "a scrape is behind the last record",
          async () => (await delivered()) === outputs.siem.delivered.records,
        );
        expect(await total("records_received_total", 'listener="tcp"')).toBe(4 * rounds);
        const udp = await total("records_received_total", 'listener="udp"');
        const notTaken = await total("records_lost_total", 'cause=~"kernel|ring_full"');
        expect(udp! + notTaken!).toBe(datagrams);
        expect(await total("bytes_received_total", 'listener="tcp"')).toBe(rounds * kinds.join("").length);
        expect(await total("records_dropped_total", 'rule="drop_debug"')).toBe(rounds);
        expect(await total("records_redacted_total", 'rule="pii",detector="email"')).toBe(rounds);
        expect(await total("replacements_total", 'rule="pii",detector="email"')).toBe(2 * rounds);
        expect(await total("records_redacted_total", 'rule="pii",detector="us_ssn"')).toBe(rounds);
        expect(await total("records_changed_total", 'rule="pii"')).toBe(2 * rounds);
        expect(await delivered()).toBe(sink.lines().length);
        expect(sink.lines().length).toBe(3 * rounds + udp!);
        expect(await ask("streamgate_delivery_latency_seconds_count")).toBe(sink.taken.length);
        expect(await ask("max_over_time(streamgate_ledger_imbalance[5m])")).toBe(0);
        expect(await ask("min_over_time(up[5m])")).toBe(1);
        expect(await ask("count(ALERTS)")).toBeUndefined();
        await sink.close();
      });
    },
  );

/** @returns the port where it answers */
async function startPrometheus(target: number): Promise<number> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "streamgate-prometheus-data-"));
  const config = join(directory, "prometheus.yml");
  const global = { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" };
  const scrape = { job_name: "streamgate", static_configs: [{ targets: [`127.0.0.1:${target}`] }] };
  writeFileSync(config, JSON.stringify({ global, rule_files: [alertsFile], scrape_configs: [scrape] }));
  prometheus = spawn(
    program("prometheus"),
    [`--config.file=${config}`, `--storage.tsdb.path=${directory}/tsdb`, `--web.listen-address=127.0.0.1:${port}`],
    { stdio: "ignore" },
  );
  prometheus.once("close", () => rmSync(directory, { recursive: true, force: true }));
  await until("Prometheus has scraped", async () => (await queryOf(port, "up").catch(() => undefined)) === 1);
  return port;
}

/** The value of the only series that answers; undefined: none does. */
async function queryOf(port: number, query: string): Promise<number | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
  if (data.result.length > 1) throw new Error(`${query} has ${data.result.length} answers`);
  const [one] = data.result;
  return one === undefined ? undefined : Number(one.value[1]);
}

/** One after the other, a few at a time, so that the receive buffer holds them. */
async function sendDatagrams(port: number, line: string, count: number): Promise<void> {
  const socket = createSocket("udp4");
  for (let sent = 0; sent < count; sent++) await new Promise((done) => socket.send(line, port, "127.0.0.1", done));
  socket.close();
}
