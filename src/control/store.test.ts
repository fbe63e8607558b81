/** What the control plane remembers, over restarts and kill -9. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { Store } from "./store.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sg-store-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const rule = (id: string) => ({ id, type: "filter", params: { value: id } });
const accept = async () => undefined;

describe("the store", () => {
  it("begins empty, with the default batch size and nothing published", async () => {
    const store = await Store.open(directory);
    expect(store.draft).toEqual({ rules: [], outputs: [], batch_size: 100 });
    expect(store.published).toBeUndefined();
  });

  it("gives drafts, published manifest and version numbers back after a restart", async () => {
    const store = await Store.open(directory);
    await store.change((draft) => ({ ...draft, rules: [rule("a")], batch_size: 7 }));
    await store.publish(checkPattern, accept);
    await store.change((draft) => ({ ...draft, rules: [...draft.rules, rule("b")] }));

    const again = await Store.open(directory);
    expect(again.draft.rules.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(again.published).toEqual(store.published);
    expect(again.published!.pipelines[0]).toMatchObject({ processors: [rule("a")], batch_size: 7 });
    const { manifest } = await again.publish(checkPattern, accept);
    expect(manifest.version).toBe("2");
  });

  it("gives outputs of a draft that an earlier version wrote their ids", async () => {
    mkdirSync(join(directory, "control"));
    const outputs = [{ type: "http", url: "http://a" }, { type: "console" }, { type: "http", url: "http://b" }];
    writeFileSync(join(directory, "control", "draft.json"), JSON.stringify({ rules: [], outputs, batch_size: 100 }));
    const store = await Store.open(directory);
    expect(store.draft.outputs.map(({ id }) => id)).toEqual(["http-474aba", "console", "http-d41d50"]);
    const { manifest } = await store.publish(checkPattern, accept);
    expect(manifest.pipelines[0].outputs).toEqual(store.draft.outputs);
  });

  it("keeps secrets as they were given, in files that nobody else may read", async () => {
    const store = await Store.open(directory);
    const output = { type: "datadog", id: "dd", api_key: "s3cret" };
    await store.change((draft) => ({ ...draft, outputs: [output] }));
    await store.publish(checkPattern, accept);
    const again = await Store.open(directory);
    expect(again.draft.outputs).toEqual([output]);
    expect(again.published!.pipelines[0].outputs).toEqual([output]);
    for (const name of ["draft.json", "published.json", "versions/000001.json"])
      expect(statSync(join(directory, "control", name)).mode & 0o077).toBe(0);
  });

  it("runs changes that come at once one after the other", async () => {
    const store = await Store.open(directory);
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        store.change((draft) => ({ ...draft, rules: [...draft.rules, rule(`r${i}`)] })),
      ),
    );
    expect((await Store.open(directory)).draft.rules).toHaveLength(20);
  });

  it("changes nothing when an edit throws or a publication is refused, and uses no number twice", async () => {
    const store = await Store.open(directory);
    await store.change((draft) => ({ ...draft, rules: [rule("a")] }));
    await store.publish(checkPattern, accept);
    const before = store.published;
    const refuse = () => {
      throw new Error("no");
    };
    await expect(store.change(refuse)).rejects.toThrow("no");
    await expect(store.publish(checkPattern, async () => refuse())).rejects.toThrow("no");
    expect(store.published).toBe(before);
    expect((await Store.open(directory)).published).toEqual(before);
    const { manifest } = await store.publish(checkPattern, accept);
    expect(manifest.version).toBe("3");
  });

  it("keeps the newest hundred versions", async () => {
    const store = await Store.open(directory);
    for (let i = 0; i < 103; i++) await store.publish(checkPattern, accept);
    const names = readdirSync(join(directory, "control", "versions")).sort();
    expect(names).toHaveLength(100);
    expect([names[0], names.at(-1)]).toEqual(["000004.json", "000103.json"]);
  });

  it.each([
    ["draft.json", "{", "is no JSON"],
    ["draft.json", '{"rules":{},"outputs":[],"batch_size":1}', "rules must be a list"],
    ["published.json", "[]", "must be"],
  ])("refuses to start from a damaged %s (%s) instead of forgetting it", async (name, text, what) => {
    mkdirSync(join(directory, "control"));
    writeFileSync(join(directory, "control", name), text);
    await expect(Store.open(directory)).rejects.toMatchObject({
      code: "SG_STATE_DAMAGED",
      where: join(directory, "control", name),
      what: expect.stringContaining(what),
    });
  });

  it("holds what was answered when it is killed in the middle of writing", async () => {
    const module = new URL("./store.ts", import.meta.url).href;
    const script = `import { Store } from ${JSON.stringify(module)};
      const store = await Store.open(process.argv[1]);
      for (let i = store.draft.batch_size === 100 ? 1 : store.draft.batch_size; ; i++) {
        await store.change((draft) => ({ ...draft, batch_size: (i % 9999) + 1 }));
        await store.publish(() => ({ ok: true, groups: 0 }), async () => undefined);
        process.stdout.write(store.published.version + " " + store.draft.batch_size + "\\n");
      }`;
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", script, directory], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => {
        said += chunk;
        // Killed at a place in the work, not after a time.
        if (said.split("\n").length > 5 + round) child.kill("SIGKILL");
      });
      await once(child, "close");
      const [version, batchSize] = said.trimEnd().split("\n").at(-1)!.split(" ").map(Number);
      const store = await Store.open(directory);
      // What was answered is there; at most the work that was under way when it died has come on top.
      expect(store.draft.batch_size - batchSize!).toBeOneOf([0, 1]);
      expect(Number(store.published!.version) - version!).toBeOneOf([0, 1]);
    }
    const names = readdirSync(join(directory, "control"), { recursive: true }) as string[];
    expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]); // what was half written is cleared at the next start
    for (const name of readdirSync(join(directory, "control", "versions"))) {
      expect(JSON.parse(readFileSync(join(directory, "control", "versions", name), "utf8"))).toHaveProperty(
        "manifest.pipelines",
      );
    }
  });
});
