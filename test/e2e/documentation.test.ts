/**
 * What the documentation shows works: each command block of the README and of docs/ is run, unless its fence says why not; each JSON block is well formed, and what
 * in it is a rule, an output or a configuration is accepted by what reads those.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfiguration } from "../../src/manifest/configuration.ts";
import { readRule } from "../../src/manifest/rule.ts";
import { outputTypes } from "../../src/outputs/index.ts";
import { readOutput } from "../../src/outputs/read.ts";
import { ruleTypes } from "../../src/rules/index.ts";
import { checkPattern } from "../fixtures/check_pattern.ts";
import { type Block, blocksOf, Page } from "../fixtures/documentation.ts";
import { needsProgram, repository } from "../fixtures/requirement.ts";

const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: repository }).toSorted()].map((page) => ({
  page,
  blocks: blocksOf(page),
}));
const commandsOf = (blocks: readonly Block[]) =>
  blocks.filter(({ language, noRun }) => /^(sh|console)$/.test(language) && noRun === undefined);
const needsTools = needsProgram("bash", "curl", "nc.openbsd");

// Side by side: they mostly wait for programs to start.
describe.concurrent("commands", () => {
  for (const { page, blocks } of pages.filter((one) => commandsOf(one.blocks).length > 0)) {
    const commands = commandsOf(blocks);
    const needed = needsProgram(...new Set(commands.flatMap(({ needs }) => needs)));
    const runnable = needsTools.skip ? [] : commands.filter(({ needs }) => !needsProgram(...needs).skip);
    const note = `${needsTools.note}${needed.note}`.replace("skipped", runnable.length === 0 ? "skipped" : "in part");
    it.skipIf(runnable.length === 0)(`of ${page} work, in their order${note}`, async () => {
      const shell = await Page.open();
      try {
        for (const block of runnable)
          await shell.run(block).catch((error: Error) => {
            throw new Error(`${page}:${block.line}: ${error.message}`);
          });
      } finally {
        await shell.close();
      }
    });
  }

  it.skipIf(needsTools.skip).each([
    ["a wrong status", "false", [], "status 1, not 0"],
    ["a wrong status, of a command that fails within a pipe", "cat nowhere | cat", [], "status 1, not 0"],
    ["a command that is not there any more", "npx streamgate publsh", [], "unknown command"],
    ["a line that is not printed", "echo one", ["two"], "nobody printed: two"],
    ["a program of npx that the test does not know", "npx something", [], "the test runs no npx something"],
  ])("that end with %s fail", async (_what, text, prints, said) => {
    const shell = await Page.open(50);
    const block = { language: "sh", text, prints, line: 1, noRun: undefined, needs: [], serves: false, exit: 0 };
    await expect(shell.run(block).finally(() => shell.close())).rejects.toThrow(said);
  });

  it("are marked as such: no other fence begins with a command", () => {
    const hidden = pages.flatMap(({ page, blocks }) =>
      blocks
        .filter(
          ({ language, text }) =>
            /^(bash|shell|zsh)$/.test(language) || (language === "" && /^(curl|npx|npm) /.test(text)),
        )
        .map(({ line }) => `${page}:${line}`),
    );
    expect(hidden).toEqual([]);
  });
});

describe("JSON", () => {
  it.for(pages.filter(({ blocks }) => blocks.some(({ language }) => language === "json")))(
    "of $page is well formed, and its rules, outputs and configurations are accepted",
    ({ page, blocks }) => {
      for (const { text, line } of blocks.filter(({ language }) => language === "json"))
        try {
          for (const value of valuesIn(text)) accept(value);
        } catch (error) {
          throw new Error(`${page}:${line}: ${(error as Error).message}`);
        }
    },
  );

  it("that is no rule is told from one that is", () => {
    expect(() => accept({ type: "filter", params: { valu: "x" }, id: "a" })).toThrow("params");
    expect(() => accept([{ anything: [{ type: "http", url: 1 }] }])).toThrow("url");
    expect(() => accept({ rules: [], strange: 1, outputs: [] })).toThrow("strange");
  });
});

describe("pages", () => {
  it("are found from docs/README.md, or from that of their folder", () => {
    const lost = pages
      .map(({ page }) => page)
      .filter((page) => page !== "README.md" && basename(page) !== "README.md" && !page.startsWith("docs/decisions/"))
      .filter((page) => {
        const own = join(dirname(page), "README.md");
        const index = existsSync(join(repository, own)) ? own : "docs/README.md";
        return !linksOf(index).some(({ target }) => target === page);
      });
    expect(lost).toEqual([]);
  });

  it("link to headings that are there", () => {
    const wrong = pages.flatMap(({ page }) =>
      linksOf(page)
        .filter(({ target, anchor }) => anchor !== "" && target.endsWith(".md") && !anchorsOf(target).has(anchor))
        .map(({ target, anchor }) => `${page} links to ${target}#${anchor}`),
    );
    expect(wrong).toEqual([]);
  });
});

interface Link {
  /** From the repository's root. */
  readonly target: string;
  readonly anchor: string;
}

function linksOf(page: string): Link[] {
  const links = withoutFences(page).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)/g);
  return [...links].map(([, path, anchor]) => ({
    target: path === "" ? page : normalize(join(dirname(page), path!)).replace(/\/$/, ""),
    anchor: anchor!,
  }));
}

/** What headings are called as link targets: their words in lower case, spaces as hyphens, without other signs. */
function anchorsOf(page: string): Set<string> {
  const headings = withoutFences(page).matchAll(/^#+ (.+)$/gm);
  const names = [...headings].map(([, heading]) =>
    heading!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return new Set(names);
}

function withoutFences(page: string): string {
  return readFileSync(join(repository, page), "utf8").replace(/^```[\s\S]*?^```$/gm, "");
}

/** One value, or one a line. */
function valuesIn(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => JSON.parse(line));
  }
}

/** @throws Error where something that is a rule, an output or a configuration by its form is not accepted */
function accept(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  const { type, params, pipelines, rules } = value as Record<string, unknown>;
  if (typeof type === "string" && ruleTypes.has(type) && params !== undefined) {
    readRule(value, "", checkPattern);
    return;
  }
  if (typeof type === "string" && outputTypes.has(type)) {
    readOutput(value, "");
    return;
  }
  if (Array.isArray(pipelines) || Array.isArray(rules)) {
    readConfiguration(value, checkPattern);
    return;
  }
  for (const inner of Object.values(value)) accept(inner);
}
