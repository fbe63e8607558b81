/** One process a data directory, also after kill -9 and when many want it at once. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDataDirectory } from "./data_directory.ts";

let directory: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "sg-dir-")), "data");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

/** What starts a program with numbers of processes of its own, as a container does; it ends with it. */
const apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const canBeApart = spawnSync(apart[0]!, [...apart.slice(1), "true"]).status === 0;
const apartNote = canBeApart ? "" : " (skipped: that takes Linux, unshare and root)";

/** Another process that takes the lock and then waits, or says why it could not. @param before a program that starts it */
async function holder(before: readonly string[] = []): Promise<{ child: ChildProcess; said: string }> {
  const module = new URL("./data_directory.ts", import.meta.url).href;
  const script = `import { openDataDirectory } from ${JSON.stringify(module)};
    try { await openDataDirectory(process.argv[1]); console.log("held"); setInterval(() => {}, 1e6); } catch (e) { console.log(e.code); }`;
  const [program, ...args] = [
    ...before,
    process.execPath,
    "--no-warnings",
    "--input-type=module",
    "-e",
    script,
    directory,
  ];
  const child = spawn(program!, args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [chunk] = (await once(child.stdout!, "data")) as [Buffer];
  return { child, said: chunk.toString().trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

describe("a data directory", () => {
  it("is made for its owner alone, and given back", async () => {
    const first = await openDataDirectory(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    await first.release();
    await first.release();
    const second = await openDataDirectory(directory);
    await second.release();
    expect(readdirSync(directory).filter((name) => name.startsWith("lock."))).toHaveLength(1);
  });

  it("is refused while another process uses it, naming that process and the way out", async () => {
    const { child, said } = await holder();
    expect(said).toBe("held");
    await expect(openDataDirectory(directory)).rejects.toMatchObject({
      code: "SG_DATA_DIR_LOCKED",
      what: `process ${child.pid} uses this directory`,
      fix: expect.stringContaining("--data-dir"),
    });
  });

  it("is taken over from a process that was killed", async () => {
    const { child } = await holder();
    await kill(child);
    await (await openDataDirectory(directory)).release();
  });

  it("is not kept by a process that only has the old owner's number", async () => {
    await (await openDataDirectory(directory)).release();
    const lock = readdirSync(directory).find((name) => name.startsWith("lock."))!;
    writeFileSync(join(directory, lock), JSON.stringify({ pid: process.pid, started: "1", boot: "another" }));
    await (await openDataDirectory(directory)).release();
  });

  it.skipIf(!canBeApart)(
    `is refused while another container's process uses it, and taken over from one that was killed${apartNote}`,
    async () => {
      const { child, said } = await holder(apart);
      expect(said).toBe("held");
      const refused = { code: "SG_DATA_DIR_LOCKED", what: "process 1 of another container uses this directory" };
      await expect(openDataDirectory(directory)).rejects.toMatchObject(refused);
      expect((await holder(apart)).said).toBe("SG_DATA_DIR_LOCKED");
      await kill(child);
      // What it started ends a moment after it.
      const taken = () =>
        openDataDirectory(directory).then(
          (own) => own.release().then(() => "taken"),
          ({ code }) => code,
        );
      await expect.poll(taken).toBe("taken");
      expect(readdirSync(directory).filter((name) => !name.startsWith("lock."))).toEqual([]);
    },
  );

  it("goes to one of many that want it at once", async () => {
    const { child } = await holder();
    await kill(child);
    const all = await Promise.all(Array.from({ length: 6 }, () => holder()));
    expect(all.map(({ said }) => said).filter((said) => said === "held")).toHaveLength(1);
    expect(all.map(({ said }) => said).filter((said) => said === "SG_DATA_DIR_LOCKED")).toHaveLength(5);
  });

  it("that cannot be made is told with the system's words", async () => {
    const file = join(directory, "..", "file");
    writeFileSync(file, "");
    await expect(openDataDirectory(join(file, "data"))).rejects.toMatchObject({
      code: "SG_DATA_DIR",
      what: expect.stringContaining("ENOTDIR"),
    });
  });
});
