/** The types of the package as compilers of its users resolve them: by `import` and by `require`, all declarations checked. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
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

  it("are told in docs/library.md, each export and each option", () => {
    const told = readFileSync(join(repository, "docs/library.md"), "utf8");
    const source = (path: string) => readFileSync(join(repository, "src", path), "utf8");
    const exported = ["index.ts", "pino.ts"].flatMap((path) =>
      [...source(path).matchAll(/^export (?:type )?\{([^}]*)\}/gms)].flatMap(
        ([, names]) => names!.match(/\b(?!type\b|default\b)\w+/g)!,
      ),
    );
    const declared = [
      ["compiled_rules.ts", "CompileOptions"],
      ["compiled_rules.ts", "CompiledRules"],
      ["engine_options.ts", "EngineOptions"],
      ["engine.ts", "RuleEngine"],
      ["engine_options.ts", "WithheldRecord"],
      ["engine_stats.ts", "EngineStats"],
      ["engine_stats.ts", "RuleStats"],
      ["pino_transport.ts", "PinoTransportOptions"],
      ["pino_transport.ts", "PinoTransportStats"],
      ["log_destination.ts", "GateDestination"],
      ["log_destination.ts", "FileDestination"],
      ["gate_options.ts", "GateOptions"],
      ["gate_options.ts", "GatePorts"],
      ["gate_options.ts", "Gate"],
    ].flatMap(([path, name]) => {
      const [, body] =
        new RegExp(`(?:interface|class) ${name}\\b[^{]*\\{(.*?)^\\}`, "ms").exec(source(`library/${path}`)) ?? [];
      return [...body!.matchAll(/^ {2}(?:readonly )?(\w+)\??[(:]/gm)].map(([, member]) => member!);
    });
    const missing = [...exported, ...declared].filter(
      (name) => name !== "constructor" && !new RegExp(`\\b${name}\\b`).test(told),
    );
    expect(exported).toEqual(expect.arrayContaining(["createGate", "EngineStats", "PinoTransport"]));
    expect(declared.length).toBeGreaterThan(40);
    expect(missing).toEqual([]);
  });

  it("are those of the same objects, however the package is loaded", async () => {
    const required = createRequire(import.meta.url)("streamgate") as Record<string, unknown>;
    const program = `
      import * as imported from "streamgate";
      import pino from "streamgate/pino";
      import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
      const require = createRequire(import.meta.resolve("streamgate"));
      const same = Object.entries(require("streamgate")).every(([name, value]) => imported[name] === value);
      console.log(Object.keys(imported).sort().join(), same, require("streamgate/pino") === pino);`;
    const child = spawn(nodeFile, ["--input-type=module", "-e", program], { cwd: repository });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect({ out, err }).toEqual({ out: `${Object.keys(required).sort().join()} true true\n`, err: "" });
  });
});
