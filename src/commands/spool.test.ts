/** The commands over lanes on disk, as a user meets them: `spool` and `dead-letter`. */

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LaneDriver, laneKinds, recordsOf, removeDirectory } from "../../test/fixtures/lane.ts";
import { mainFile } from "../../test/fixtures/requirement.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";

const kind = laneKinds.at(-1)!;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sg-spool-command-"));
});
afterEach(() => removeDirectory(root));

const argsOf = (args: readonly string[]) => ["--no-warnings", mainFile, ...args, "--data-dir", root];
const streamgate = (...args: string[]) =>
  spawnSync(process.execPath, argsOf(args), { encoding: "utf8", env: { PATH: process.env.PATH } });
/** While this process has a lane open. */
const streamgateBeside = async (...args: string[]) => {
  const child = spawn(process.execPath, argsOf(args), { env: { PATH: process.env.PATH } });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  const status = await new Promise((resolve) => child.on("close", resolve));
  return { stdout, status };
};
const json = (text: string) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

async function spooled(where: string, groups: readonly (readonly string[])[], reason = ""): Promise<string> {
  const directory = join(root, where);
  const driver = await LaneDriver.open(kind, directory, { segmentBytesMax: 400 });
  for (const records of groups) await driver.append(records, { reason, timeMs: 1_700_000_000_000 });
  await driver.lane.close();
  return directory;
}

function damageFirstSegment(directory: string): void {
  const [segment] = readdirSync(directory).filter((name) => name.endsWith(".seg"));
  const bytes = readFileSync(join(directory, segment!));
  bytes[70]! ^= 1;
  writeFileSync(join(directory, segment!), bytes);
}

describe("streamgate spool", () => {
  it("lists lanes of a run and of a data plane, with what they hold", async () => {
    const directory = await spooled("spool/payments/w0", [["a", "bb"], ["ccc"]]);
    await spooled("data/spool/audit/w1", [["d"]]);
    mkdirSync(join(root, "spool/payments/.r1-1"), { recursive: true });
    const { stdout, status } = streamgate("spool", "ls", "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      {
        output: "payments",
        lane: "w0",
        directory,
        groups: 2,
        records: 3,
        bytes: 6,
        damages: 0,
        diskBytes: 64 + (64 + 11) + (64 + 7),
        oldest: "2023-11-14T22:13:20.000Z",
      },
      expect.objectContaining({ output: "audit", lane: "w1", records: 1 }),
    ]);
    const text = streamgate("spool", "ls").stdout;
    expect(text).toMatch(/^output +lane +groups/);
    expect(text).toMatch(/\npayments +w0 +2 +3 +6 /);
    expect(streamgate("spool", "ls", "nobody")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("holds no spool of nobody; there is payments/w0, audit/w1"),
    });
  });

  it("says that there is nothing", () => {
    expect(streamgate("spool", "ls")).toMatchObject({ status: 0, stdout: "nothing\n" });
    expect(streamgate("dead-letter", "ls", "--json")).toMatchObject({ status: 0, stdout: "[]\n" });
  });

  it("exports the records as they are, and not those that are done with", async () => {
    const directory = join(root, "spool/payments/w0");
    const driver = await LaneDriver.open(kind, directory);
    for (const records of [["delivered"], ["secret 1", "two\nlines"], [""]]) await driver.append(records);
    driver.lane.settle((await driver.lane.read())!.firstSequence);
    await driver.lane.flush();
    // The lane is open: a running instance.
    expect((await streamgateBeside("spool", "export", "payments")).stdout).toBe("secret 1\ntwo\nlines\n\n");
    const lines = json((await streamgateBeside("spool", "export", "payments", "w0", "--json")).stdout);
    expect(lines.map(({ sequence, record }) => [sequence, record])).toEqual([
      [1, "secret 1"],
      [2, "two\nlines"],
      [3, ""],
    ]);
    const { stdout } = await streamgateBeside("spool", "inspect", "payments");
    expect(stdout).toContain("from 0, 1 records, 9 bytes");
    expect(stdout).toContain(", done\n");
    expect(stdout).not.toContain("secret");
    await driver.lane.close();
  });

  it("finds damage, repairs it while no instance runs, and the next start counts what is missing", async () => {
    const directory = await spooled("spool/payments/w0", [["a1", "a2"], ["b1", "b2", "b3"], ["c".repeat(400)]]);
    expect(streamgate("spool", "verify")).toMatchObject({
      status: 0,
      stdout: "payments/w0: 3 good groups, 6 records, no damage\n",
    });
    damageFirstSegment(directory);
    const verified = streamgate("spool", "verify", "payments");
    expect(verified.status).toBe(1);
    expect(verified.stdout).toContain("0000000000000000.seg 64: 76 bytes of groups damaged\n");
    expect(verified.stdout).toContain("payments/w0: 2 good groups, 4 records, 1 damaged place\n");
    expect(JSON.parse(streamgate("spool", "verify", "--json").stdout)).toEqual([
      { output: "payments", lane: "w0", groups: 2, records: 4, damages: 1, damagedBytes: 76, unfinishedBytes: 0 },
    ]);
    const lock = await openDataDirectory(root);
    const refused = await streamgateBeside("spool", "repair");
    expect(refused.status).toBe(1);
    await lock.release();
    expect(streamgate("spool", "repair")).toMatchObject({
      status: 0,
      stdout: "payments/w0: 1 segment rewritten with 1 group, 76 damaged bytes dropped\n",
    });
    expect(streamgate("spool", "verify").status).toBe(0);
    expect(streamgate("spool", "repair").stdout).toBe("payments/w0: no damage\n");
    const driver = await LaneDriver.open(kind, directory);
    expect(driver.lost).toEqual({ spoolDamaged: { records: 2, bytes: 0 } });
    expect(await driver.drain()).toEqual(["b1", "b2", "b3", "c".repeat(400)]);
    await driver.lane.close();
  });
});

describe("streamgate dead-letter", () => {
  const letters = [["a1", "a2"], ["b".repeat(300)], ["c"]];

  it("lists and exports what was refused, with the reason", async () => {
    await spooled("dead_letters/payments/w0", letters, "400 no");
    expect(JSON.parse(streamgate("dead-letter", "ls", "--json").stdout)).toMatchObject([{ records: 4, groups: 3 }]);
    const lines = json(streamgate("dead-letter", "export", "payments", "--json").stdout);
    expect(lines.map(({ reason, record }) => [reason, record])).toEqual(
      letters.flat().map((record) => ["400 no", record]),
    );
  });

  it("moves it back into the spool of a stopped instance, and nothing is missed or doubled", async () => {
    const dead = await spooled("dead_letters/payments/w0", letters, "400 no");
    expect(streamgate("dead-letter", "retry", "payments")).toMatchObject({
      status: 0,
      stdout: "3 groups with 4 records moved to the spool of payments\n",
    });
    const [lane, ...more] = readdirSync(join(root, "spool/payments"));
    expect(lane).toMatch(/^r\d+-[0-9a-f]+$/);
    expect(more).toEqual([]);
    const adopted = await LaneDriver.open(kind, join(root, "spool/payments", lane!));
    expect(adopted.state.recovered.records).toBe(4);
    const groups = await adopted.readAll();
    expect(groups.map(recordsOf)).toEqual(letters);
    expect(groups.map(({ reason, timeMs, protection }) => [reason, timeMs, protection])).toEqual(
      letters.map(() => ["", 1_700_000_000_000, 7n]),
    );
    await adopted.lane.close();
    for (let start = 0; start < 2; start++) {
      const driver = await LaneDriver.open(kind, dead);
      expect([driver.lost, driver.state.held.records, driver.state.nextSequence]).toEqual([{}, 0, 4n]);
      await driver.lane.close();
    }
    expect(readdirSync(dead)).toEqual(["cursor"]);
    expect(streamgate("dead-letter", "retry", "payments").stdout).toContain("0 groups with 0 records");
  });

  it("asks a running instance to end its segment, and leaves what comes after", async () => {
    const lock = await openDataDirectory(root);
    const dead = join(root, "dead_letters/payments/w0");
    const driver = await LaneDriver.open(kind, dead, { fsyncIntervalMs: 20 });
    for (const records of letters) await driver.append(records, { reason: "400 no" });
    const { stdout, status } = await streamgateBeside("dead-letter", "retry", "payments");
    expect([stdout, status]).toEqual(["3 groups with 4 records moved to the spool of payments\n", 0]);
    await expect.poll(() => driver.state.held.records).toBe(0);
    await expect.poll(() => readdirSync(dead)).toEqual(["cursor"]);
    await driver.append(["later"], { reason: "400 no" });
    expect([driver.state.held.records, driver.lost]).toEqual([1, {}]);
    await driver.lane.close();
    await lock.release();
    const after = await LaneDriver.open(kind, dead);
    expect(after.lost).toEqual({});
    expect(await after.drain()).toEqual(["later"]);
    await after.lane.close();
    const [lane] = readdirSync(join(root, "spool/payments"));
    const adopted = await LaneDriver.open(kind, join(root, "spool/payments", lane!));
    expect(await adopted.drain()).toEqual(letters.flat());
    await adopted.lane.close();
  });
});

describe("a data directory that is not there", () => {
  it.each([
    ["spool", "ls"],
    ["dead-letter", "ls"],
    ["quarantine", "ls"],
  ])("is named by %s %s, rather than told to be empty", (...command) => {
    const elsewhere = join(root, "elsewhere");
    const args = ["--no-warnings", mainFile, ...command, "--data-dir", elsewhere];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([stdout, status]).toEqual(["", 1]);
    expect(stderr).toContain(elsewhere);
    expect(stderr).toContain("--data-dir");
  });
});
