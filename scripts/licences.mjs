/**
 * Writes the tables of `docs/licences.md` from package-lock.json: the npm packages that StreamGate names, and those that come with them.
 * `--check` writes nothing and exits 1 where they are stale. Either way it exits 1 when a package that ships has a licence that nobody has
 * looked at.
 */
import { readFileSync, writeFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

/** Permissive ones: they ask for their notice to be kept, which each package's own folder does. */
const accepted = new Set(["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "BlueOak-1.0.0", "0BSD"]);

const { dependencies } = JSON.parse(read("package.json"));
const packages = Object.entries(JSON.parse(read("package-lock.json")).packages)
  .filter(([path, { dev }]) => path !== "" && !dev)
  .map(([path, { version, license }]) => ({
    name: path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
    version,
    licence: license ?? "none given",
    direct: path.slice("node_modules/".length) in dependencies,
  }));

const unknown = packages.filter(({ licence }) => !accepted.has(licence));
for (const { name, version, licence } of unknown)
  console.error(
    `${name}@${version} is under ${licence}: read it, then add it to scripts/licences.mjs or leave the package out`,
  );

const direct = packages.filter(({ direct }) => direct);
const others = Object.entries(
  Object.groupBy(
    packages.filter(({ direct }) => !direct),
    ({ licence }) => licence,
  ),
)
  .sort(([, a], [, b]) => b.length - a.length)
  .map(
    ([licence, list]) =>
      `| ${licence} | ${[...new Set(list.map(({ name, version }) => `${name} ${version}`))].join(", ")} |`,
  );
const body = [
  "| Package | Licence |",
  "|---|---|",
  ...direct.map(({ name, version, licence }) => `| \`${name}\` ${version} | ${licence} |`),
  "",
  `With them come ${packages.length - direct.length} packages:`,
  "",
  "| Licence | Packages |",
  "|---|---|",
  ...others,
].join("\n");

const path = "docs/licences.md";
const text = read(path);
const [start, end] = ["<!-- npm:start -->", "<!-- npm:end -->"];
const [from, to] = [text.indexOf(start), text.indexOf(end)];
if (from === -1 || to < from) throw new Error(`${path} has no ${start} … ${end}`);
const fresh = `${text.slice(0, from + start.length)}\n${body}\n${text.slice(to)}`;
if (fresh !== text) {
  if (process.argv.includes("--check")) console.error(`${path} is stale; run \`npm run generate\` and commit it`);
  else writeFileSync(new URL(path, root), fresh);
}
process.exitCode = unknown.length > 0 || (fresh !== text && process.argv.includes("--check")) ? 1 : 0;
