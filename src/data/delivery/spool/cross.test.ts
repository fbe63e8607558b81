/** The engines' lanes and one another: the same calls make the same files, and each reads what the other wrote. */

import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LaneDriver, laneKinds, recordsOf, removeDirectory } from "../../../../test/fixtures/lane.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sg-cross-"));
});
afterEach(() => removeDirectory(root));

const given = { now: () => 1_700_000_000_000, epoch: 0xfeedbee5 };
const groups = [["a", "", "c\n"], ["é".repeat(200_000)], ["x".repeat(300), "y"], ["z"], Array(900).fill("tiny")];

async function fill(driver: LaneDriver): Promise<void> {
  for (const [index, records] of groups.entries())
    await driver.append(records, { timeMs: 1_000 + index, protection: BigInt(index), reason: "?".repeat(index) });
  const first = await driver.lane.read();
  driver.lane.settle(first!.firstSequence);
  await driver.lane.flush();
}

describe("lanes of all engines", () => {
  it("write the same files for the same calls", async () => {
    const contents = [];
    for (const kind of laneKinds) {
      const directory = join(root, kind.name);
      const driver = await LaneDriver.open(kind, directory, { segmentBytesMax: 5_000 }, given);
      await fill(driver);
      const files = readdirSync(directory).sort();
      contents.push(files.map((name) => [name, readFileSync(join(directory, name)).toString("base64")]));
      await driver.lane.close();
    }
    expect(contents[0]!.map(([name]) => name).length).toBeGreaterThan(3);
    for (const content of contents) expect(content).toEqual(contents[0]);
  });

  for (const writer of laneKinds)
    for (const reader of laneKinds)
      it(`read on ${reader.name} what was written on ${writer.name}`, async () => {
        const directory = join(root, `${writer.name}-${reader.name}`);
        const before = await LaneDriver.open(writer, directory, {}, given);
        await fill(before);
        await before.lane.close();
        const after = await LaneDriver.open(reader, directory);
        const read = await after.readAll();
        expect(read.map(recordsOf)).toEqual(groups.slice(1));
        expect(read.map(({ epoch, reason, protection, timeMs }) => [epoch, reason, protection, timeMs])).toEqual(
          groups.slice(1).map((_, index) => [given.epoch, "?".repeat(index + 1), BigInt(index + 1), 1_001 + index]),
        );
        expect(after.lost).toEqual({});
        await after.lane.close();
      });
});
