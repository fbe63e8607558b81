/** Habits that a machine can see: who imports whom, names, twins, generated files, calls with a better place. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { errorCodes } from "../src/errors.ts";
import { outputTypes } from "../src/outputs/index.ts";
import { ruleTypes } from "../src/rules/index.ts";
import { repository } from "./fixtures/requirement.ts";

interface SourceFile {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** Text without comments and string contents, for looking at calls. */
  readonly code: string;
}

/** The files of this repository: what git tracks or would track. */
const files: readonly SourceFile[] = listFiles()
  .filter((path) => existsSync(join(repository, path)) && !isBinary(path))
  .map((path) => {
    const text = readFileSync(join(repository, path), "utf8");
    return { path, text, code: withoutComments(text) };
  });
const typescript = files.filter(({ path }) => path.endsWith(".ts"));
const sources = typescript.filter(({ path }) => path.startsWith("src/") && !path.endsWith(".test.ts"));

describe("imports", () => {
  /** A folder and what its files, tests apart, never import. */
  const forbidden: readonly { folder: string; never: RegExp; because: string }[] = [
    {
      folder: "src/control/",
      never: /^src\/data\/(?!engine\/(addon|select)\.ts$)/,
      because: "the control plane runs without the data plane",
    },
    { folder: "src/data/", never: /^src\/control\//, because: "the data plane runs without the control plane" },
    { folder: "src/", never: /^(test|bench)\//, because: "what ships needs no tests" },
    {
      folder: "src/(?!commands/|library/)",
      never: /^src\/commands\//,
      because: "commands compose, and nothing composes them but the gate that somebody embeds",
    },
    ...["rules", "detectors", "conditions", "plan", "outputs", "manifest", "prices"].map((folder) => ({
      folder: `src/${folder}/`,
      never:
        /^(node:(fs|net|tls|dgram|http|https|http2|child_process|worker_threads|dns|cluster)(\/|$)|undici|ioredis|fastify|pino|src\/(control|data|bus|persistence|telemetry|commands)\/)/,
      because: "it serves both planes and does no I/O",
    })),
  ];

  it.each(forbidden)("$folder keeps to its layer: $because", ({ folder, never }) => {
    const wrong = sources
      .filter(({ path }) => new RegExp(`^${folder}`).test(path))
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => never.test(name))
          .map((name) => `${file.path} imports ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  it("name existing files, with their .ts", () => {
    const wrong = typescript.flatMap((file) =>
      importsOf(file)
        .filter((name) => /^(src|test|bench|scripts)\//.test(name) && !existsSync(join(repository, name)))
        .map((name) => `${file.path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it("make no circle in src/, those of types included", () => {
    const imported = new Map(sources.map((file) => [file.path, importsOf(file)]));
    const done = new Set<string>();
    const circles: string[] = [];
    const look = (path: string, way: readonly string[]) => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" > "));
      if (done.has(path)) return;
      done.add(path);
      for (const name of imported.get(path) ?? []) look(name, [...way, path]);
    };
    for (const path of imported.keys()) look(path, []);
    expect(circles).toEqual([]);
  });

  it("leave Node's headers to native/binding/", () => {
    const headers = /#include\s*[<"](node_api|napi|js_native_api|node|v8|uv|napi-inl)\.h[>"]/;
    const wrong = files.filter(
      ({ path, text }) => path.startsWith("native/") && !path.startsWith("native/binding/") && headers.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("come from declared dependencies, and what ships from none of the development ones", () => {
    const { dependencies } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .filter((name) => !/^(node:|src\/|\.)/.test(name))
        .map((name) =>
          name
            .split("/")
            .slice(0, name.startsWith("@") ? 2 : 1)
            .join("/"),
        )
        .filter((name) => !(name in dependencies))
        .map((name) => `${file.path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("names", () => {
  it("say what a file holds", () => {
    const empty = /(^|\/)(utils?|helpers?|common|misc|shared|lib|stuff)([./_]|$)/;
    // A ring shared between threads: there the word is the subject.
    const wrong = files
      .map(({ path }) => path)
      .filter((path) => empty.test(path) && path !== "src/data/ring/shared.ts");
    expect(wrong.filter((path) => !/^src\/data\/ring\/shared(\.\w+)*\.ts$/.test(path))).toEqual([]);
  });

  it("are in snake case", () => {
    const wrong = files.filter(
      ({ path }) =>
        /^(src|test|native|scripts|bench)\//.test(path) &&
        !/^([a-z0-9_]+(\.[a-z0-9_]+)*|README\.md)$/.test(basename(path)),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("are explained in the first lines of each file", () => {
    const wrong = [
      ...typescript,
      ...files.filter(({ path }) => /^native\/.*\.(h|cc)$|^scripts\/.*\.mjs$/.test(path)),
    ].filter(
      // A .cc file is explained by the header of its name.
      ({ path, text }) =>
        !(path.endsWith(".cc") && existsSync(join(repository, path.replace(/cc$/, "h")))) &&
        !/^(#!.*\n)?(\/\*\*|\/\/|\/\*)/.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});

describe("rules and outputs", () => {
  it.each([
    ["rules", [...ruleTypes.keys()]],
    ["outputs", [...outputTypes.keys()]],
  ] as const)("in src/%s each have a file of their name, a test and a line in the index", (folder, known) => {
    const defining = sources.filter(
      ({ path, code }) => dirname(path) === `src/${folder}` && /= define(Rule|Output)\w*[(<]/.test(code),
    );
    expect(defining.map(({ path }) => basename(path, ".ts")).toSorted()).toEqual([...known].toSorted());
    const untested = known.filter((type) => !existsSync(join(repository, `src/${folder}/${type}.test.ts`)));
    expect(untested).toEqual([]);
  });
});

describe("twins", () => {
  /** Where the native and the portable half of a subject lie. */
  const halves = [
    ["native/frame", "src/data/frame"],
    ["native/plan", "src/data/engine/portable/plan"],
    ["native/match", "src/data/engine/portable/match"],
    ["native/attribute", "src/data/engine/portable/attribute"],
    ["native/condition", "src/data/engine/portable/condition"],
    ["native/severity", "src/data/engine/portable/severity"],
    ["native/reduce", "src/data/engine/portable/reduce"],
    ["native/encode", "src/data/engine/portable/encode"],
    ["native/ring", "src/data/ring"],
    ["native/shard", "src/data/shard"],
    ["native/spool", "src/data/delivery/spool"],
  ] as const;
  /** Files that have a twin of another name, or none, and why. */
  const exceptions: Readonly<Record<string, string>> = {
    "native/plan/decode": "the portable engine takes the plan as objects, so there are no bytes to decode",
    "native/plan/chunk": "methods of src/data/engine/portable/engine.ts",
    "native/plan/batch_memory": "shares batches with native threads; the portable engine has none",
    "native/plan/operation": "src/plan/operations.ts, which both engines read",
    "native/plan/telling": "methods of run.ts, whose class has its state to itself",
    "native/match/prefilter": "only tells RE2 where to look; the portable automaton stops early by itself",
    "native/match/candidate_index": "tells for many steps at once what prefilter tells for one",
    "native/match/sample": "decides where candidate_index looks first",
    "native/match/fixed": "spares RE2 a search; the portable automaton is the only search there",
    "native/encode/envelope": "src/outputs/envelope.ts, which the portable engine reads as it is",
    "native/ring/ring": "src/data/ring/shared.ts: there every file is about a ring",
    "native/ring/push_records": "a method of src/data/ring/shared.ts",
    "native/ring/push": "methods of src/data/ring/shared.ts",
    "native/ring/atomic": "Atomics, of which there is one order",
    "native/ring/protocol": "src/data/ring/shared.ts",
    "native/spool/segment_file": "src/data/delivery/spool/portable_segment.ts: there every file is about segments",
    "native/spool/spool_thread": "Node's own threads do the file calls of the portable one",
  };

  it.each(halves)("of %s stand in %s", (native, portable) => {
    const stems = new Set(stemsIn(native));
    const twins = new Set(stemsIn(portable));
    const lonely = [...stems].filter((stem) => !twins.has(stem) && !(`${native}/${stem}` in exceptions));
    expect(lonely).toEqual([]);
  });

  function stemsIn(folder: string): string[] {
    return files
      .filter(({ path }) => dirname(path) === folder && !/[._]test\./.test(path))
      .map(({ path }) => basename(path).replace(/\.(h|cc|ts)$/, ""));
  }
});

describe("generated files", () => {
  const generators = ["generate.mjs", "reference.mjs", "licences.mjs", "deploy/chart.mjs"];
  it.each(generators)("are what scripts/%s writes", (script) => {
    const { status, stderr } = spawnSync(process.execPath, [join(repository, "scripts", script), "--check"], {
      encoding: "utf8",
    });
    expect(stderr.replace(/^.*(ExperimentalWarning|--trace-warnings).*\n/gm, "")).toBe("");
    expect(status).toBe(0);
  });

  it("have a row for each error code, with what it means and what to do", () => {
    const reference = readFileSync(join(repository, "docs/reference/errors.md"), "utf8");
    const row = (code: string) => new RegExp(`^\\| \`${code}\` \\| \\d* \\| .+\\. \\| .+\\. \\|$`, "m");
    expect(Object.keys(errorCodes).filter((code) => !row(code).test(reference))).toEqual([]);
  });
});

describe("calls", () => {
  const banned: readonly { call: RegExp; allowed: RegExp; instead: string }[] = [
    {
      call: /\bconsole\.\w+\(/,
      allowed: /^src\/commands\//,
      instead: "log of src/telemetry/process_log.ts: standard output is for records",
    },
    {
      call: /\bprocess\.stdout\b/,
      allowed: /^src\/(commands\/|data\/delivery\/stream\/)/,
      instead: "the stdout writer of src/data/delivery/stream/",
    },
    { call: /\bprocess\.(exit|abort)\(/, allowed: /^src\/commands\//, instead: "a return value or an error" },
    {
      call: /\bnew RegExp\([^)]*\b(pattern|params)\b/,
      allowed: /^$/,
      instead: "checkPattern and the engines: rules speak RE2",
    },
    {
      call: /\bMath\.random\(|\bDate\.now\(/,
      allowed: /^src\/(?!data\/engine\/|plan\/|rules\/)/,
      instead: "the block's receive time: engines read no clock and no random source",
    },
    {
      call: /\benum\s+\w+\s*\{|\bnamespace\s+\w+\s*\{/,
      allowed: /^$/,
      instead: "a const object: types are stripped, not compiled",
    },
  ];

  it.each(banned)("have a better place: $instead", ({ call, allowed }) => {
    const wrong = sources.filter(({ path, code }) => call.test(code) && !allowed.test(path));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("of codes use codes that exist", () => {
    const codes = new Set(Object.keys(errorCodes));
    const wrong = files
      .filter(({ path }) => /^(src|native)\//.test(path) && !/[._]test\./.test(path))
      .flatMap(({ path, text }) =>
        (text.match(/\bSG_[A-Z_]+\b/g) ?? []).filter((code) => !codes.has(code)).map((code) => `${path}: ${code}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe("the repository speaks of the product alone", () => {
  // Written in pieces, so that this file does not find itself.
  const words = [
    ["paths of a machine", new RegExp(["/wor", "k/|/ro", "ot/|/ho", "me/\\w|/fa", "rm/"].join(""))],
    ["package hosts", new RegExp(["registry\\.npm", "js|proxy\\.go", "lang|py", "pi\\.org|crates", "\\.io"].join(""))],
    ["conflict marks", /^(<{7}|>{7}) /m],
  ] as const;

  it.each(words)("and holds no %s", (_name, pattern) => {
    const wrong = files.filter(({ path, text }) => path !== "package-lock.json" && pattern.test(text));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("and no test is switched off without a reason beside it", () => {
    const off = new RegExp(["\\b(it|test|describe)\\.(sk", "ip|on", "ly|to", "do)\\("].join(""));
    expect(typescript.filter(({ text }) => off.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it("and every file that its documentation names is there", () => {
    const wrong = files
      .filter(({ path }) => path.endsWith(".md"))
      .flatMap(({ path, text }) =>
        [...text.matchAll(/`((?:src|native|test|scripts|docs|bench|changes)\/[\w./*-]+)`/g)]
          .map(([, name]) => name!)
          .filter((name) => globSync(name, { cwd: repository }).length === 0)
          .map((name) => `${path} names ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  it("and every script that its workflows run is there", () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    const wrong = files
      .filter(({ path }) => path.startsWith(".github/workflows/"))
      .flatMap(({ path, text }) =>
        [
          ...[...text.matchAll(/\bnpm run ([\w:]+)/g)].map(([, name]) => name!).filter((name) => !(name in scripts)),
          ...[...text.matchAll(/(?<![\w/])(?:packaging|scripts|bench|test|\.ci)\/[\w./]+/g)]
            .map(([name]) => name)
            .filter((name) => !existsSync(join(repository, name))),
        ].map((name) => `${path} runs ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  it("and every link of its documentation leads somewhere", () => {
    const wrong = files
      .filter(({ path }) => path.endsWith(".md"))
      .flatMap(({ path, text }) =>
        [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
          .map(([, target]) => join(dirname(path), target!))
          .filter((target) => !existsSync(join(repository, target)))
          .map((target) => `${path} links to ${target}`),
      );
    expect(wrong).toEqual([]);
  });
});

/** What a file imports: packages as they are, files as paths from the repository's root. Types count: a layer is a layer. */
function importsOf({ path, text }: SourceFile): string[] {
  const names = [
    ...text.matchAll(
      /^(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm,
    ),
  ];
  return names
    .map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "")
    .map((name) => (name.startsWith(".") ? relative(repository, join(repository, dirname(path), name)) : name));
}

function listFiles(): string[] {
  const { status, stdout } = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: repository,
  });
  if (status === 0) return stdout.toString("utf8").split("\0").filter(Boolean);
  // No git, as in an unpacked archive.
  const folders = readdirSync(repository, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const ours = folders.filter(({ name }) => !/^(node_modules|dist|build|\..*)$/.test(name));
  return ours.flatMap(({ name }) => globSync(`${name}/**/*.*`, { cwd: repository }));
}

function isBinary(path: string): boolean {
  return /\.(png|jpe?g|gif|ico|xz|gz|zip|node|wasm)$/.test(path);
}

/** Comments blanked out, so that prose about a call is no call. Strings stay; good enough for what is looked for. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`])\/\/.*$/gm, "$1");
}
