/** The types of the package as compilers of its users resolve them: by `import` and by `require`, all declarations checked. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { nodeFile, repository } from "../fixtures/requirement.ts";

const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const consumers = ["imports.mts", "requires.cts"].map((name) => join(repository, "test/fixtures/consumer", name));

describe("the package's types", () => {
  /** The strictest resolution there is; publint and attw look at the others where packages are made. */
  it("fit users who compile with module node16", async () => {
    const strict = ["--noEmit", "--strict", "--skipLibCheck", "false", "--types", "node", "--target", "es2022"];
    const options = [...strict, "--ignoreConfig", "--module", "node16"];
    const child = spawn(nodeFile, [tsc, ...options, ...consumers], { cwd: repository });
    const [out, [status]] = await Promise.all([text(child.stdout), once(child, "close")]);
    expect({ out, status }).toEqual({ out: "", status: 0 });
  });

  it("are those of the same objects, however the package is loaded", async () => {
    const required = createRequire(import.meta.url)("streamgate") as Record<string, unknown>;
    const program = `
      import * as imported from "streamgate";
      import pino from "streamgate/pino";
      import { createRequire } from "node:module";
      const require = createRequire(import.meta.resolve("streamgate"));
      const same = Object.entries(require("streamgate")).every(([name, value]) => imported[name] === value);
      console.log(Object.keys(imported).sort().join(), same, require("streamgate/pino") === pino);`;
    const child = spawn(nodeFile, ["--input-type=module", "-e", program], { cwd: repository });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect({ out, err }).toEqual({ out: `${Object.keys(required).sort().join()} true true\n`, err: "" });
  });
});
