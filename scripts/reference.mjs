/**
 * Writes the reference documentation from the tables in src/: all of `docs/reference/`, `docs/schema/streamgate.schema.json`, the price list of
 * `docs/prove.md`, and the README's tables of rules, outputs, settings and measurements (these from bench/results/result.json, and with them
 * `bench/results/README.md`). `--check` writes nothing and exits 1 where a text is stale.
 * Runs on a Node that strips types (22.18 and later): the repository's own.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { headlineChart, headlineChartName, withHeadline } from "../bench/report/headline.ts";
import { resultsPage } from "../bench/report/results_page.ts";
import { conditionSchema } from "../src/conditions/index.ts";
import { statusOf } from "../src/control/answer.ts";
import { detectorGroups, detectors } from "../src/detectors/index.ts";
import { errorCodes } from "../src/errors.ts";
import { configurationJsonSchema } from "../src/manifest/configuration_schema.ts";
import { ruleSchema } from "../src/manifest/rule.ts";
import { deliveryFields } from "../src/outputs/delivery_fields.ts";
import { outputTypes } from "../src/outputs/index.ts";
import { priceLists } from "../src/prices/index.ts";
import { ruleTypes } from "../src/rules/index.ts";
import { defaultText, settingSchema, settingsOf, spellings, wanted } from "../src/settings/settings.ts";
import { dataMetrics } from "../src/telemetry/data_metrics.ts";
import { processMetrics } from "../src/telemetry/process_metrics.ts";

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

const rows = Object.entries(errorCodes).map(
  ([code, { meaning, remedy }]) => `| \`${code}\` | ${statusOf(code) ?? ""} | ${cell(meaning)} | ${cell(remedy)} |`,
);
put(
  "docs/reference/errors.md",
  `# Errors

<!-- Written by scripts/reference.mjs from src/errors.ts; do not edit. -->

Each error that StreamGate raises on purpose has a code that stays the same over releases. The line that is printed, and the
answer of the control API, say further where the fault is (a place in your own file or request), what it is (the other party's
words unchanged, RE2's for instance) and what to do in this very case. Neither holds a record's content or a secret.

\`\`\`
streamgate: rules[0] "ssn" params.pattern: RE2 refuses it: missing ]: [0-9; close the character class with ]
            where                          what                             what to do
\`\`\`

The control API answers \`{"detail":"…","error":{"code":"SG_…","where":"…","what":"…","fix":"…"}}\`. *Status* is its HTTP status where the code has one of its own;
any other code answers 422. What HTTP itself refuses (404, 409, 413, 415, 429, 501, and 403 of a foreign web page or an unknown \`Host\`) is \`SG_INPUT\`.

By symptom rather than by code: [troubleshooting.md](../troubleshooting.md).

| Code | Status | Meaning | What to do |
|---|---|---|---|
${rows.join("\n")}
`,
);

/** One row a field, its inner fields behind it; a union of objects gives its alternatives' fields. */
function fieldRows(properties, required = [], prefix = "") {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const isRequired = required.includes(name);
    const row = `| \`${path}\` | ${typeOf(schema)} | ${isRequired ? "required" : defaultOf(schema)} | ${linked(cell(schema.description ?? ""), "../")} |`;
    const inner =
      schema["x-text"] !== undefined ? [] : [schema, ...(schema.anyOf ?? [])].filter((one) => one.properties);
    // Of several shapes each one's first field chooses it, so none of them is required.
    const requiredOf = ({ required }) => (schema.anyOf === undefined ? required : []);
    return [row, ...inner.flatMap((one) => fieldRows(one.properties, requiredOf(one), `${path}.`))];
  });
}

function typeOf(schema) {
  const kind = schema["x-text"];
  if (kind === "secret" || kind === "key") return "secret";
  if (kind === "pem") return "text";
  if (kind === "url") return "URL";
  if (schema.anyOf?.every((one) => "const" in one)) return schema.anyOf.map((one) => `\`${one.const}\``).join(", ");
  if (schema.anyOf?.every((one) => one.type === "object")) return "object";
  if (schema["x-words"] !== undefined && schema.anyOf !== undefined) return cell(schema["x-words"]);
  if (schema.patternProperties !== undefined) return "object of texts";
  const range = [
    ...(schema.minimum === undefined ? [] : [`from ${schema.minimum}`]),
    ...(schema.maximum === undefined ? [] : [`to ${schema.maximum}`]),
  ].join(" ");
  if (schema.type === "array") {
    const { type, anyOf } = schema.items;
    if (anyOf?.every((one) => "const" in one)) return `list of ${anyOf.map((one) => `\`${one.const}\``).join(", ")}`;
    return type === "string" ? "list of texts" : anyOf === undefined ? "list of objects" : "list of texts and numbers";
  }
  if (schema.type === undefined && schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  return { integer: `integer ${range}`.trim(), string: "text" }[schema.type] ?? schema.type;
}

function defaultOf({ default: value }) {
  if (Array.isArray(value)) return value.map((one) => `\`${one}\``).join(", ");
  return value === undefined || value === "" || typeof value === "object" ? "" : `\`${value}\``;
}

function cell(text) {
  return text.replaceAll("|", "\\|");
}

/** `docs/….md` in a description, which the command line prints as it is, becomes a link. */
function linked(text, folder) {
  return text.replace(/`?docs\/([\w/]+\.md)`?/g, (_, page) => `[${page.replace(/^.*\//, "")}](${folder}${page})`);
}

/** As code in a cell of a table: one line, whatever backticks are in it. */
function code(text) {
  return `\`\` ${cell(text.replace(/\s*\n\s*/g, " … "))} \`\``;
}

const fieldsHead = "| Field | Type | Default | Meaning |\n|---|---|---|---|";

const outputSections = [...outputTypes.values()].map(
  ({ type, description, params, common, compressions, concurrency = "1", examples }) => {
    const { properties, required } = params;
    const own = fieldRows(properties, required);
    const sharedFields = common.map((name) => `\`${name}\``).join(", ");
    return `## ${type}

${description}

${own.length === 0 ? "It has no fields of its own." : [fieldsHead, ...own].join("\n")}

Of the common fields it has ${sharedFields}.${common.includes("compression") ? ` Compression: ${compressions.map((name) => `\`${name}\``).join(", ")}; by default the first one. Concurrency: by default ${concurrency}.` : ""}

${examples.map((example) => `\`\`\`json\n${JSON.stringify({ type, ...example }, null, 2)}\n\`\`\``).join("\n\n")}
`;
  },
);

put(
  "docs/reference/outputs.md",
  `# Outputs

<!-- Written by scripts/reference.mjs from src/outputs/; do not edit. -->

Each output is an object with a \`type\`, fields of that type, and fields that outputs have in common. \`POST /outputs\` adds one and answers
with its \`id\`; \`GET\`, \`PUT\` and \`DELETE /outputs/{id}\` read, replace and remove it; \`POST /outputs/{id}/test\` sends one record and tells
what the destination answered.

A *secret* is given as text, as \`{"env":"NAME"}\` (a variable of the data plane's process) or as \`{"file":"path"}\` (a file that the data plane
reads). Answers show \`***\` in place of a secret that was given as text, and of values of headers and of parameters in a URL's query whose
names say that they are one (\`authorization\`, \`cookie\`, or with \`key\`, \`token\`, \`secret\`, \`passw\`, \`credential\` in them). \`PUT\` keeps a
stored secret that is sent back as \`***\`, as long as the output's type and destination (origin of its URL, site, region) stay the same; for
another one it has to be given again. A secret given as text is part of the manifest, in the data directory (which nobody else may read) and in
Redis where the planes meet there; a reference is read by each data plane for itself.

What is refused for good (\`400\` and the like) becomes dead letters. What a person can mend (a token, a URL, a permission, a redirect, which is
never followed) is kept and tried again, with an alert.

## Fields in common

${[fieldsHead, ...fieldRows(deliveryFields)].join("\n")}

${outputSections.join("\n")}`,
);

/** The fields of a condition are told once, in docs/conditions.md. */
const conditionNames = new Set(Object.keys(conditionSchema.properties));
const conditionFields = (properties) => Object.keys(properties).filter((name) => conditionNames.has(name));
const isCondition = (properties) => conditionFields(properties).length === conditionNames.size;

function ruleFieldRows({ properties, required = [] }) {
  if (!isCondition(properties)) return fieldRows(properties, required);
  const own = Object.fromEntries(Object.entries(properties).filter(([name]) => !conditionNames.has(name)));
  const row = `| ${["value", "pattern", "field", "…"].map((name) => `\`${name}\``).join(", ")} |  | required | The question and what belongs to it, of a [condition](../conditions.md). |`;
  return [row, ...fieldRows(own, required)];
}

const ruleFields = fieldRows(
  Object.fromEntries(
    Object.entries(ruleSchema.properties).map(([name, schema]) => [
      name,
      name === "when" ? { ...schema, properties: undefined } : schema,
    ]),
  ),
  ruleSchema.required,
);

const ruleSections = [...ruleTypes.values()].map(
  ({ type, description, class: ruleClass, params, examples }) => `## ${type}

${description}

Class: ${ruleClass === "protect" ? "protect: never skipped, whatever the load" : "reduce: skipped under overload, unless `protect` is true"}.

${[fieldsHead, ...ruleFieldRows(params)].join("\n")}

${examples.map((example, index) => `\`\`\`json\n${JSON.stringify({ id: `${type}_${index + 1}`, type, params: example })}\n\`\`\``).join("\n\n")}
`,
);

put(
  "docs/reference/rules.md",
  `# Rules

<!-- Written by scripts/reference.mjs from src/rules/; do not edit. -->

A rule is an object with an \`id\`, a \`type\` and the type's \`params\`. Rules run one after the other, in their order: each sees the record as
those before it have left it. \`POST /rules\` adds one at the end (\`?before=ID\` inserts it), \`PUT /rules/{id}\` replaces one in its place,
\`DELETE /rules/{id}\` removes one, and \`POST /publish\` puts all of them to work at once.

## What every rule has

${[fieldsHead, ...ruleFields].join("\n")}

${ruleSections.join("\n")}`,
);

const groupsOf = (detector) =>
  [...detectorGroups].filter(([, members]) => members.includes(detector)).map(([name]) => `\`${name}\``);
const detectorSections = [...detectors.values()].map(
  (detector) => `## ${detector.name}

${detector.title}. Groups: ${groupsOf(detector).join(", ")}.

- Takes: ${detector.takes}
- Checks: ${detector.checks}
- Misses: ${detector.misses}
- Source: ${detector.source}.
`,
);
const detectorRows = [...detectors.values()].map(
  (detector) =>
    `| [\`${detector.name}\`](#${detector.name}) | ${groupsOf(detector).join(", ")} | ${cell(detector.title)} | ${cell(detector.checks)} | ${code(detector.positives[0].text)} |`,
);
put(
  "docs/reference/detectors.md",
  `# Detectors

<!-- Written by scripts/reference.mjs from src/detectors/; do not edit. -->

What \`redact\` finds by name or by group: \`{"type":"redact","params":{"detectors":["credit_card","secrets"]}}\`. What becomes of a find, and how much is
found and missed in a corpus: [detectors.md](../detectors.md). *Checks* is what is verified beyond the form; below the table is which forms each takes and what it misses.

| Detector | Groups | Finds | Checks | Example |
|---|---|---|---|---|
${detectorRows.join("\n")}

${detectorSections.join("\n")}`,
);

/** Own fields of a type, those that must be given in bold. */
function ownFields({ properties, required = [] }) {
  return Object.keys(properties)
    .map((name) => (required.includes(name) ? `**\`${name}\`**` : `\`${name}\``))
    .join(", ");
}

const outputRows = [...outputTypes.values()].map(
  ({ type, params, description }) => `| \`${type}\` | ${ownFields(params)} | ${cell(description)} |`,
);
const outputsTable = ["| Type | Fields of its own | |", "|---|---|---|", ...outputRows].join("\n");

const priceRows = [...priceLists.values()].map(
  ({ vendor, outputTypes, perGbUsd, perMillionEventsUsd, description, source, asOf }) =>
    `| \`${vendor}\` | ${outputTypes.map((type) => `\`${type}\``).join(", ")} | ${perGbUsd} | ${perMillionEventsUsd} | ${description} ${asOf}; the vendor's page: ${source} |`,
);
const priceTable = [
  "| Price | Outputs | $ a GB | $ a million events | What it is, and of when |",
  "|---|---|---|---|---|",
  ...priceRows,
].join("\n");
const prove = new URL("docs/prove.md", root);
if (existsSync(prove))
  put(
    "docs/prove.md",
    between(readFileSync(prove, "utf8"), "<!-- prices:start -->", "<!-- prices:end -->", priceTable),
  );
/** A rule's parameters; of a condition's the first ones stand for all. */
function ruleParams({ properties, required = [] }) {
  if (!isCondition(properties)) return ownFields({ properties, required });
  const own = Object.keys(properties).filter((name) => name === "ignore_case" || !conditionNames.has(name));
  return `\`value\`, \`pattern\` or any other [condition](docs/conditions.md); ${own.map((name) => `\`${name}\``).join(", ")}`;
}

const rulesTable = [
  "| Type | Parameters | |",
  "|---|---|---|",
  ...[...ruleTypes.values()].map(
    ({ type, params, description }) => `| \`${type}\` | ${ruleParams(params)} | ${cell(description)} |`,
  ),
].join("\n");

const optionOf = ({ flag, placeholder }) => `--${flag}${placeholder === undefined ? "" : ` ${cell(placeholder)}`}`;
const codeOrNothing = (text) => (text === undefined ? "" : `\`${text}\``);

/** The settings that most installations touch; docs/reference/settings.md has all. */
const settingsOfReadme = [
  ...[
    "tcpPort",
    "udpPort",
    "controlPort",
    "controlHost",
    "tcpFraming",
    "maxRecordBytes",
    "tlsPort",
    "workers",
    "engine",
  ],
  ...["dataDir", "config", "token", "redisUrl", "redisHost", "memoryBudget", "overload"],
];
const readmeSettings = [
  "| Variable | Flag | Default | Meaning |",
  "|---|---|---|---|",
  ...settingsOfReadme.map(
    (key) =>
      `| \`${spellings[key].env}\` | \`${optionOf(spellings[key])}\` | ${codeOrNothing(defaultText(key))} | ${linked(settingSchema(key).description, "docs/")} |`,
  ),
].join("\n");

/** What may be given: unit and range, or words. */
function settingValue(key) {
  const { minimum, maximum, anyOf, type } = settingSchema(key);
  const { placeholder } = spellings[key];
  if (anyOf !== undefined) return anyOf.map((one) => codeOrNothing(one.const)).join(", ");
  if (type === "boolean") return "switch";
  if (placeholder === "bytes") return `size, ${binarySize(minimum)} to ${binarySize(maximum)}`;
  if (placeholder === "seconds") return `seconds, ${minimum / 1000} to ${maximum / 1000}`;
  if (type === "number") return `share, ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${minimum} to ${maximum}`;
  return cell(wanted(key).replace(/^an? /, ""));
}

function binarySize(bytes) {
  const power = bytes === 0 ? 0 : Math.floor(Math.log2(bytes) / 10);
  return power === 0 ? `${bytes}` : `${bytes / 2 ** (10 * power)} ${["", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

const settingSections = [
  ["Records and rules", "Of `streamgate run` and `streamgate data`.", "data"],
  ["Control API", "Of `streamgate run` and `streamgate control`.", "control"],
  [
    "Both planes",
    "Of `run`, `control` and `data`; a few of them also of `pipe` and the commands that read a data directory, as their `--help` says.",
    "both",
  ],
  [
    "Asking a gate",
    "Of the commands that ask a control API: `rules`, `outputs`, `publish`, `status` and their like ([cli.md](../cli.md)).",
    "client",
  ],
].map(([title, text, group]) => {
  const lines = settingsOf(group).map(
    (key) =>
      `| \`${spellings[key].env}\` | \`${optionOf(spellings[key])}\` | ${settingValue(key)} | ${codeOrNothing(defaultText(key))} | ${linked(settingSchema(key).description, "../")} |`,
  );
  return `## ${title}\n\n${text}\n\n| Variable | Flag | Value | Default | Meaning |\n|---|---|---|---|---|\n${lines.join("\n")}\n`;
});
put(
  "docs/reference/settings.md",
  `# Settings

<!-- Written by scripts/reference.mjs from src/settings/settings.ts; do not edit. -->

A flag wins over a variable, a variable over the default; an empty variable counts as not set. \`streamgate run --help\` prints the same. Sizes take
\`KiB\`, \`MiB\`, \`GiB\` (and \`KB\`, \`MB\`, \`GB\`) or plain bytes. A value that does not fit stops the start with \`SG_SETTING\`, which names the flag or variable and what would fit.

${settingSections.join("\n")}`,
);

const bench = JSON.parse(readFileSync(new URL("bench/results/result.json", root), "utf8"));
put("bench/results/README.md", resultsPage(bench));
put(`bench/results/${headlineChartName}`, headlineChart(bench));

let readme = readFileSync(new URL("README.md", root), "utf8");
readme = between(readme, "<!-- settings:start -->", "<!-- settings:end -->", readmeSettings);
readme = between(readme, "<!-- rules:start -->", "<!-- rules:end -->", rulesTable);
readme = between(readme, "<!-- outputs:start -->", "<!-- outputs:end -->", outputsTable);
put("README.md", withHeadline(readme, bench, "bench/results/"));

put("docs/schema/streamgate.schema.json", `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`);

const metricRows = (metrics) =>
  metrics.map(
    ({ name, type, unit, labels, help, source }) =>
      `| \`${name}\` | ${type} | ${unit} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${cell(help)} | ${cell(source)} |`,
  );
const metricsHead = "| Metric | Type | Unit | Labels | Meaning | Read from |\n|---|---|---|---|---|---|";
put(
  "docs/reference/metrics.md",
  `# Metrics

<!-- Written by scripts/reference.mjs from src/telemetry/; do not edit. -->

Every metric that \`/metrics\` answers with. What they mean together, what to alert on and how to scrape them: [docs/metrics.md](../metrics.md).

## Of a data plane

${[metricsHead, ...metricRows(dataMetrics)].join("\n")}

## Of every process

${[metricsHead, ...metricRows(processMetrics)].join("\n")}
`,
);

process.exit(stale === 0 ? 0 : 1);
