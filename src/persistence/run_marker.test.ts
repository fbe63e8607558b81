/** What a run is told of the one before it. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { until } from "../../test/fixtures/wait.ts";
import { RunMarker } from "./run_marker.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "streamgate-run-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const held = { records: 7, bytes: 700 };
const open = () =>
  RunMarker.open(
    directory,
    () => held,
    () => 9000,
  );
const path = () => join(directory, "run.json");
const marked = () => JSON.parse(readFileSync(path(), "utf8"));

it("says nothing of a directory that has seen no run", async () => {
  const marker = await open();
  expect(marker.former).toEqual({ stop: "none" });
  await marker.close();
});

it("says that a run ended in order when it was closed", async () => {
  await (await open()).close();
  const next = await open();
  expect(next.former).toEqual({ stop: "clean" });
  await next.close();
});

it("says what a run that was not closed had in memory, and how much that could have been", async () => {
  const killed = await open();
  await until("it left word", () => {
    try {
      return marked().running === true;
    } catch {
      return false;
    }
  });
  const left = readFileSync(path(), "utf8");
  await killed.close();
  writeFileSync(path(), left);
  const next = await open();
  expect(next.former).toEqual({
    stop: "unclean",
    unaccounted_at_most: { bytes: 9000 },
    last_seen: { ...held, at: JSON.parse(left).at },
  });
  await next.close();
});

it("takes a damaged file for an unclean stop", async () => {
  writeFileSync(path(), '{"running":');
  const marker = await open();
  expect(marker.former).toEqual({ stop: "unclean" });
  await marker.close();
});
