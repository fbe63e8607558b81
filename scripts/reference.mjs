/**
 * Writes the reference documentation from the tables in src/: `docs/reference/errors.md` and the README's configuration
 * table. `--check` writes nothing and exits 1 where a text is stale.
 * Runs on a Node that strips types (22.18 and later): the repository's own.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { errorCodes } from "../src/errors.ts";
import { settingsTable } from "../src/settings/settings.ts";

const check = process.argv.includes("--check");
const root = new URL("../", import.meta.url);
let stale = 0;

function put(path, text) {
  const file = new URL(path, root);
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  if (check) {
    console.error(`${path} is stale; run \`npm run generate\` and commit it`);
    stale++;
    return;
  }
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(file, text);
}

/** `text` with what stands between the two marks replaced. */
function between(text, start, end, body) {
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the marks ${start} and ${end} are missing`);
  return `${text.slice(0, from + start.length)}\n${body}\n${text.slice(to)}`;
}

const rows = Object.entries(errorCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
put(
  "docs/reference/errors.md",
  `# Errors

<!-- Written by scripts/reference.mjs from src/errors.ts; do not edit. -->

Each error that StreamGate raises on purpose has a code that stays the same over releases. The line that is printed, and the
answer of the control API, say further where the fault is (a place in your own file or request), what it is (the other party's
words unchanged, RE2's for instance) and what to do. Neither holds a record's content or a secret.

| Code | Meaning |
|---|---|
${rows.join("\n")}
`,
);

const readme = new URL("README.md", root);
if (existsSync(readme))
  put(
    "README.md",
    between(readFileSync(readme, "utf8"), "<!-- settings:start -->", "<!-- settings:end -->", settingsTable()),
  );

process.exit(stale === 0 ? 0 : 1);
