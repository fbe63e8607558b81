/** What would be published is what it should be; docs/platforms.md. Installed and tried it is by packaging/npm/try.mjs, which takes minutes. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { repository } from "../fixtures/requirement.ts";

const folder = mkdtempSync(join(tmpdir(), "streamgate-packed-"));
afterAll(() => rmSync(folder, { recursive: true }));

const script = (name: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, [join(repository, "packaging/npm", name), ...args], { encoding: "utf8" });

describe("the npm package", () => {
  it("holds what runs and nothing else, runs no script, and has a licence for each package that comes with it", () => {
    const packed = script("pack.mjs", "--to", folder);
    expect([packed.status, packed.stdout]).toEqual([0, expect.stringMatching(/streamgate-\d[^/]*\.tgz/)]);
    const checked = script("check.mjs", "--from", folder, "--offline");
    expect(checked.stdout).toMatch(/[1-9]\d* passed, 0 failed\n$/);
    expect(checked.status).toBe(0);
  });
});
