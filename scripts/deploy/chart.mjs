/**
 * Writes what of the Helm chart comes from `chart_values.mjs`: `values.yaml`, `values.schema.json`, and the table of docs/kubernetes.md.
 * `--check` writes nothing and exits 1 where a text is stale. Runs on a Node that strips types, as scripts/generate.mjs does.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { chartValues, valuesSchema } from "./chart_values.mjs";

const root = new URL("../../", import.meta.url);
const chart = "deploy/helm/streamgate";
const check = process.argv.includes("--check");
const columns = 140;
let stale = 0;

function put(path, text) {
  const file = new URL(path, root);
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  if (!check) return writeFileSync(file, text);
  console.error(`${path} is stale; run \`npm run generate\` and commit it`);
  stale++;
}

/** What is open has a default of its own and is shown by it; what is closed by its fields. */
const isClosed = (schema) => schema.properties !== undefined && schema["x-open"] === undefined;

/** Values as YAML with what each means above it. JSON is YAML, so scalars and empty collections are written as JSON. */
function yamlOf(properties, indent = "") {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const comment = wrapped(schema.description, columns - indent.length).map((line) => `${indent}# ${line}`);
    if (schema.enum !== undefined)
      comment.push(`${indent}# One of: ${schema.enum.filter((one) => one !== "").join(", ")}.`);
    if (isClosed(schema)) return [...comment, `${indent}${name}:`, ...yamlOf(schema.properties, `${indent}  `)];
    return [...comment, ...valueLines(name, schema.default, indent)];
  });
}

function valueLines(name, value, indent) {
  const isEmpty = typeof value !== "object" || Object.keys(value).length === 0;
  if (isEmpty) return [`${indent}${name}: ${JSON.stringify(value)}`];
  if (Array.isArray(value)) return [`${indent}${name}:`, ...value.map((one) => `${indent}  - ${JSON.stringify(one)}`)];
  return [
    `${indent}${name}:`,
    ...Object.entries(value).flatMap(([key, inner]) => valueLines(key, inner, `${indent}  `)),
  ];
}

function wrapped(text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines.at(-1).length + word.length + 3 > width) lines.push("");
    lines.push(`${lines.pop()}${word} `);
  }
  return lines.map((line) => line.trimEnd());
}

function tableRows(properties, prefix = "") {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    if (isClosed(schema))
      return [`| **\`${path}\`** | | ${cell(schema.description)} |`, ...tableRows(schema.properties, `${path}.`)];
    const words =
      schema.enum === undefined
        ? ""
        : ` One of ${schema.enum
            .filter((one) => one !== "")
            .map((one) => `\`${one}\``)
            .join(", ")}.`;
    const fallback = schema.default === "" ? "" : `\`${JSON.stringify(schema.default)}\``;
    return [`| \`${path}\` | ${fallback} | ${cell(schema.description)}${words} |`];
  });
}

function cell(text) {
  return text.replaceAll("|", "\\|");
}

put(
  `${chart}/values.yaml`,
  `# Values of the chart, with their defaults. docs/kubernetes.md tells which to choose; values.schema.json is what helm checks yours by.
# Written by scripts/deploy/chart.mjs from scripts/deploy/chart_values.mjs; do not edit.

${yamlOf(chartValues).join("\n")}
`,
);
put(`${chart}/values.schema.json`, `${JSON.stringify(valuesSchema(), null, 2)}\n`);

const page = "docs/kubernetes.md";
if (existsSync(new URL(page, root))) {
  const text = readFileSync(new URL(page, root), "utf8");
  const [start, end] = ["<!-- values:start -->", "<!-- values:end -->"];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${page} lacks the marks ${start} and ${end}`);
  const table = ["| Value | Default | Meaning |", "|---|---|---|", ...tableRows(chartValues)].join("\n");
  put(page, `${text.slice(0, from + start.length)}\n${table}\n${text.slice(to)}`);
}
process.exit(stale === 0 ? 0 : 1);
