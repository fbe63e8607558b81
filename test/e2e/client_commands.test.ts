/**
 * The commands that ask a control API, against a real gate: what people read, what `--json` gives, and the exit status; refusals in the API's
 * words, and a gate that is not there in one line.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { repository } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

/** Runs commands of one gate. */
function commandsOf(gate: Gate, env: Readonly<Record<string, string>> = {}) {
  return async (line: readonly string[] | string, input = "") => {
    const args = typeof line === "string" ? line.split(" ") : line;
    const { status, stdout, stderr } = await runCommand(args, input, { STREAMGATE_URL: gate.url, ...env });
    const text = stdout.toString();
    // Nobody reads colours from a pipe.
    expect(text).not.toContain("\u001b");
    return {
      status,
      text,
      stderr,
      get json() {
        return JSON.parse(text);
      },
    };
  };
}

describe("rules, outputs and publishing from the command line", () => {
  it("add, list, switch, preview, remove; by hand, from a file and from standard input", async () => {
    const gate = await Gate.start();
    const run = commandsOf(gate);
    expect((await run("rules ls")).text).toBe("no rules: every record passes as it is\n");
    expect(await run("rules add drop_debug filter value=DEBUG")).toMatchObject({
      status: 0,
      text: "added rule drop_debug to the draft; `streamgate publish` puts it to work\n",
    });
    const added = await run("rules add cards redact detectors=credit_card,us_ssn --before drop_debug --json");
    expect(added.json).toEqual({ id: "cards", type: "redact", params: { detectors: ["credit_card", "us_ssn"] } });
    const file = join(temporaryDirectory("rules"), "rules.json");
    writeFileSync(file, JSON.stringify([{ id: "slow", type: "sample", params: { rate: 0.5 } }]));
    expect((await run(["rules", "add", "-f", file])).status).toBe(0);
    const rule = { id: "health", type: "filter", params: { pattern: "^GET /health" }, mode: "shadow" };
    expect((await run("rules add -f -", JSON.stringify(rule))).status).toBe(0);
    expect((await run("rules disable slow")).text).toContain("disabled rule slow");
    expect((await run("rules disable slow")).text).toBe("rule slow is disabled already\n");
    expect((await run("rules ls")).text).toBe(
      [
        "#  id          type    state    parameters",
        '1  cards       redact  enforce  detectors=["credit_card","us_ssn"]',
        "2  drop_debug  filter  enforce  value=DEBUG",
        "3  slow        sample  off      rate=0.5",
        "4  health      filter  shadow   pattern=^GET /health",
        "",
      ].join("\n"),
    );
    expect((await run("rules enable slow --json")).json).toEqual([
      { id: "slow", type: "sample", params: { rate: 0.5 } },
    ]);
    expect((await run("rules ls --json")).json).toEqual(await gate.ok("GET", "/rules"));
    const lines = "DEBUG x\nINFO card 4111 1111 1111 1111\nGET /healthz\n";
    expect((await run("rules disable slow")).status).toBe(0);
    expect((await run("rules preview", lines)).text).toBe(
      [
        "drop  DEBUG x  [by drop_debug]",
        "pass  INFO card [credit_card]  [cards replaced 1]",
        "pass  GET /healthz  [health (shadow) would act]",
        "3 records: 2 passed, 1 dropped, 0 withheld",
        "",
      ].join("\n"),
    );
    expect((await run("rules preview --json", lines)).json.summary).toMatchObject({ records: 3, dropped: 1 });
    expect((await run("rules rm slow health --json")).json).toEqual({ deleted: ["slow", "health"] });
    expect((await gate.ok("GET", "/rules")).length).toBe(2);
  });

  it("outputs: add, list without secrets, test, remove, clear", async () => {
    const gate = await Gate.start();
    const run = commandsOf(gate);
    const sink = await Sink.start();
    expect((await run("outputs ls")).text).toBe("no outputs: records go to the console\n");
    const added = await run(["outputs", "add", "http", `url=${sink.url}`, "--id", "sink", "--json"]);
    expect(added.json).toMatchObject({ id: "sink", type: "http" });
    expect((await run("outputs add splunk_hec url=http://127.0.0.1:9 token=sesame-secret --id splunk")).status).toBe(0);
    const listed = await run("outputs ls");
    expect(listed.text).toMatch(/^id +type +fields\nsink +http +url=/);
    expect(listed.text).toContain("token=***");
    expect(listed.text).not.toContain("sesame");
    expect(await run("outputs test sink")).toMatchObject({
      status: 0,
      text: expect.stringMatching(/^sink: delivered, status 200, \d+ ms\n$/),
    });
    const failed = await run("outputs test splunk");
    expect(failed).toMatchObject({ status: 1, text: expect.stringMatching(/^splunk: unreachable/) });
    expect((await run("outputs rm splunk")).text).toMatch(/^removed output splunk/);
    expect((await run("outputs clear --json")).json).toEqual({ status: "cleared" });
    expect(await gate.ok("GET", "/outputs")).toEqual([]);
    await sink.close();
  });

  it("publish, versions, diff, rollback, planes, status", async () => {
    const gate = await Gate.start();
    const run = commandsOf(gate);
    expect((await run("versions")).text).toBe("nothing was published yet\n");
    await run("rules add drop_debug filter value=DEBUG");
    const differs = await run("diff");
    expect(differs).toMatchObject({ status: 1, text: "+ rule drop_debug  filter  value=DEBUG\n" });
    const published = await run(["publish", "--comment", "less noise", "--wait"]);
    expect(published.text).toMatch(/^published version 1: 1 rule, 0 outputs, 1 data plane notified\n/);
    expect(published.status).toBe(0);
    expect(await run("diff")).toMatchObject({ status: 0, text: "" });
    await run("rules disable drop_debug");
    expect((await run("diff --json")).json).toMatchObject({ same: false });
    expect((await run("publish --json")).json).toMatchObject({ status: "published", manifest: { version: "2" } });
    const versions = (await run("versions")).text.split("\n");
    expect(versions[0]).toMatch(/^ +version +time +author +status +rules +outputs +comment$/);
    expect(versions[1]).toMatch(/^\* +2 .* local +published +1 +0$/);
    expect(versions[2]).toMatch(/^ +1 .* local +published +1 +0 +less noise$/);
    expect((await run("versions 1 --json")).json).toMatchObject({ version: "1", comment: "less noise" });
    expect((await run("diff 1 2")).text).toBe("~ rule drop_debug enabled: absent → false\n");
    expect((await run("rollback 1")).text).toMatch(/^published version 3: 1 rule/);
    expect((await run("rollback 77")).stderr).toMatch(/^streamgate: .*77/);
    expect((await run("planes --json")).json).toMatchObject([{ state: "applied" }]);
    expect((await run("planes")).text).toMatch(/^plane +state +runs/);
    await gate.send("DEBUG a\nINFO b\n");
    await until("both are counted", async () => (await gate.ok("GET", "/status")).received.records === 2);
    const status = await run("status");
    expect(status.text).toMatch(/^version 3 runs · .* · 2 workers/);
    expect(status.text).toContain("received 2 (13 B), passed 1 (6 B), dropped 1 (7 B)");
    expect(status.text).toMatch(/drop_debug +1 +7 B +0/);
    expect((await run("status --json")).json).toMatchObject({ version: "3", received: { records: 2 } });
  });
});

describe("apply", () => {
  it("says what it would change, changes it once, and keeps what others did in between", async () => {
    const gate = await Gate.start();
    const run = commandsOf(gate);
    const folder = temporaryDirectory("apply");
    const file = join(folder, "streamgate.json");
    const rule = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
    writeFileSync(
      file,
      JSON.stringify({ $schema: "x", rules: [rule], outputs: [{ id: "out", type: "console" }], batch_size: 7 }),
    );
    const dry = await run(["apply", "-f", file, "--dry-run"]);
    expect(dry.text).toBe("+ rule drop_debug  filter  value=DEBUG\n+ output out  console\n~ batch_size: 100 → 7\n");
    expect(dry.status).toBe(1);
    expect((await gate.ok("GET", "/versions")).length).toBe(0);
    expect((await run(["apply", "-f", file, "--dry-run", "--json"])).json).toMatchObject({ same: false });

    const applied = await run(["apply", "-f", file, "--comment", "from git"]);
    expect(applied.text).toContain("published version 1: 1 rule, 1 output");
    expect(applied.status).toBe(0);
    expect(await gate.ok("GET", "/rules")).toEqual([rule]);
    expect(await run(["apply", "-f", file, "--dry-run"])).toMatchObject({
      status: 0,
      text: `${file} says what is published: nothing would change\n`,
    });
    expect((await run(["apply", "-f", file, "--json"])).json).toMatchObject({ status: "unchanged" });

    // A draft that nobody has published is told of before it goes.
    await gate.addRule("mine", "filter", { value: "X" });
    writeFileSync(file, JSON.stringify({ rules: [{ ...rule, params: { value: "TRACE" } }] }));
    const again = await run(["apply", "-f", "-"], readFileSync(file, "utf8"));
    expect(again.text).toContain("- output out  console\n");
    expect(again.text).toContain('~ rule drop_debug params.value: "DEBUG" → "TRACE"\n');
    expect(again.text).toContain("warning: the draft held changes that nobody has published");
    expect(again.status).toBe(0);
  });

  it.each([
    ["is not there", undefined, "cannot be read: ENOENT"],
    ["is no JSON", '{"rules":[', "is no JSON: it ends too early"],
    [
      "has a slip of the pen",
      '{"rules":[{"id":"a","type":"filter","params":{"value":"X","ignorecase":true}}]}',
      "params.ignorecase: filter has no such parameter",
    ],
    ["has no rules", '{"outputs":[]}', "rules: is missing"],
    [
      "has a pattern that RE2 refuses",
      '{"rules":[{"id":"a","type":"filter","params":{"pattern":"["}}]}',
      "RE2 refuses it",
    ],
  ])("refuses a file that %s: exit 1, with --dry-run 2", async (_, content, reason) => {
    const gate = await Gate.start({ command: "run" });
    const run = commandsOf(gate);
    const file = join(temporaryDirectory("apply"), "streamgate.json");
    if (content !== undefined) writeFileSync(file, content);
    for (const [flags, status] of [
      [[], 1],
      [["--dry-run"], 2],
    ] as const) {
      const answer = await run(["apply", "-f", file, ...flags]);
      expect(answer.stderr).toContain(reason);
      expect([answer.status, answer.text]).toEqual([status, ""]);
    }
    expect((await gate.ok("GET", "/versions")).length).toBe(0);
  });
});

describe("what goes wrong", () => {
  it("is told as the API tells it: place, reason, remedy; with --json as its object", async () => {
    const gate = await Gate.start();
    const run = commandsOf(gate);
    const refused = await run("rules add broken filter pattern=[0-9");
    expect(refused.stderr).toMatch(/^streamgate: params\.pattern: RE2 refuses it: missing \]: \[0-9; close/);
    expect([refused.status, refused.text]).toEqual([1, ""]);
    const json = await run("rules rm nope --json");
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "SG_RULE_MISSING", fix: "GET /rules lists them" } });
    expect(json.status).toBe(1);
  });

  it("without a gate is one line that says what to do", async () => {
    for (const args of [["rules", "ls"], ["status"], ["publish"], ["diff"]]) {
      const { status, stderr, stdout } = await runCommand([...args, "--url", "http://127.0.0.1:1"]);
      expect(stderr).toBe(
        "streamgate: http://127.0.0.1:1: no control plane answers there: the connection is refused; start one with `streamgate`, or say where it is with --url or STREAMGATE_URL\n",
      );
      expect([status, stdout.length]).toEqual([args[0] === "diff" ? 2 : 1, 0]);
    }
    const other = await Sink.start();
    const { stderr } = await runCommand(["status", "--url", other.url]);
    expect(stderr).toContain("is no StreamGate control API");
    await other.close();
  });

  it("asks for a token, and takes it from a flag or the environment, never into a message", async () => {
    const gate = await Gate.start({ env: { STREAMGATE_TOKEN: "sesame-open-0123456789" } });
    const asked = await commandsOf(gate)("rules ls");
    expect(asked.status).toBe(1);
    expect(asked.stderr).toMatch(/token/i);
    expect((await commandsOf(gate, { STREAMGATE_TOKEN: "sesame-open-0123456789" })("rules ls")).status).toBe(0);
    expect((await commandsOf(gate)("rules ls --token sesame-open-0123456789")).status).toBe(0);
    const wrong = await commandsOf(gate)("rules ls --token sesame-shut-0123456789");
    expect(wrong.stderr).not.toContain("sesame");
    expect(wrong.status).toBe(1);
  });

  it("on the command line itself is exit status 2", async () => {
    for (const args of [
      ["rules"],
      ["rules", "add"],
      ["rules", "rm"],
      ["apply"],
      ["rollback", "x"],
      ["tail", "--rate", "9999"],
      ["publish", "--wait", "soon"],
    ])
      expect([args, (await runCommand(args)).status]).toEqual([args, 2]);
    const { status, stderr } = await runCommand(["status", "--url", "localhost:8000"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("--url or STREAMGATE_URL: is no address")]);
  });
});

describe("the documentation of the commands", () => {
  it("names every command and option that --help names", async () => {
    const page = readFileSync(join(repository, "docs/cli.md"), "utf8");
    const commands = [
      ...["ls", "add", "rm", "enable", "disable", "preview"].map((name) => ["rules", name]),
      ...["ls", "add", "rm", "clear", "test"].map((name) => ["outputs", name]),
      ...["publish", "rollback", "versions", "diff", "apply", "status", "planes", "tail"].map((name) => [name]),
    ];
    for (const command of commands) {
      expect(page).toContain(`streamgate ${command.join(" ")}`);
      const { stdout } = await runCommand([...command, "--help"]);
      const options = [...stdout.toString().matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option!);
      expect(options.length).toBeGreaterThan(1);
      for (const option of options.filter((one) => one !== "--help"))
        expect([command, page]).toEqual([command, expect.stringContaining(option)]);
    }
  });
});
