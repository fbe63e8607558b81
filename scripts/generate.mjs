/**
 * Writes native/generated/layout.h from the tables in src/. `--check` writes nothing and exits 1 where the file is stale.
 * Runs on a Node that strips types (22.18 and later): the repository's own.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import * as spool from "../src/data/delivery/spool/format.ts";
import { encodeStop } from "../src/data/engine/encoder.ts";
import * as engine from "../src/data/engine/layout.ts";
import { framingCode } from "../src/data/frame/framing.ts";
import * as ring from "../src/data/ring/layout.ts";
import * as outputs from "../src/outputs/index.ts";
import { planMagic } from "../src/plan/encode.ts";
import * as operations from "../src/plan/operations.ts";
import { countCellsPerSelector, selectorCell } from "../src/plan/redact_counts.ts";
import * as syslog from "../src/plan/syslog_field.ts";
import { fieldBytes } from "../src/struct.ts";

const target = new URL("../native/generated/layout.h", import.meta.url);
const cTypes = { u8: "uint8_t", u16: "uint16_t", u32: "uint32_t", i32: "int32_t", u64: "uint64_t", f64: "double" };

const snake = (name) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
const constant = (name) => `k${name[0].toUpperCase()}${name.slice(1)}`;

function structText({ name, doc, fields, offsets, bytes }) {
  const lines = [`// ${doc}`, `struct alignas(8) ${name} {`];
  let end = 0;
  let pad = 0;
  for (const [field, { type, count = 1, doc: why }] of Object.entries(fields)) {
    if (offsets[field] > end) lines.push(`  uint8_t reserved${pad++}[${offsets[field] - end}];`);
    lines.push(`  ${cTypes[type]} ${snake(field)}${count > 1 ? `[${count}]` : ""};  // ${why}`);
    end = offsets[field] + fieldBytes(type) * count;
  }
  if (bytes > end) lines.push(`  uint8_t reserved${pad}[${bytes - end}];`);
  lines.push("};", `static_assert(sizeof(${name}) == ${bytes});`);
  for (const [field, offset] of Object.entries(offsets))
    lines.push(`static_assert(offsetof(${name}, ${snake(field)}) == ${offset});`);
  return lines.join("\n");
}

function enumText(name, type, values) {
  const rows = Object.entries(values).map(([key, value]) => `  ${constant(key)} = ${value},`);
  return [`enum class ${name} : ${type} {`, ...rows, "};"].join("\n");
}

function namesText(name, names) {
  return [`constexpr const char* ${name}[] = {`, ...names.map((one) => `  ${JSON.stringify(one)},`), "};"].join("\n");
}

const constants = {
  blockAlignment: ring.blockAlignment,
  producersMax: ring.producersMax,
  ringMagic: ring.ringMagic,
  ringVersion: ring.ringVersion,
  planMagic,
  attributeKeysMax: operations.attributeKeysMax,
  attributeNumberBytesMax: operations.attributeNumberBytesMax,
  conditionDepthMax: operations.conditionDepthMax,
  syslogPathMark: syslog.syslogPathMark,
  reduceMemoryBytesMin: operations.reduceMemoryBytesMin,
  reduceMemoryBytesMax: operations.reduceMemoryBytesMax,
  reduceTextBytesMax: operations.reduceTextBytesMax,
  throttleTokensMax: operations.throttleTokensMax,
  sampleWeightMax: operations.sampleWeightMax,
  severities: Object.keys(operations.severity).length,
  outputsMax: outputs.outputsMax,
  transportsCounted: engine.transportsCounted,
  countCellsFixed: engine.countCellsFixed,
  countCellsPerRule: engine.countCellsPerRule,
  countCellsPerRoute: engine.countCellsPerRoute,
  countCellsPerSelector,
  frameCells: engine.frameCells,
  matchBudgetBytes: engine.matchBudgetBytes,
  decodeDepthMax: engine.decodeDepthMax,
  outputGrowthFactor: engine.outputGrowthFactor,
  outputGrowthBytes: engine.outputGrowthBytes,
  jsonDepthMax: engine.jsonDepthMax,
  effectServicesMax: engine.effectServicesMax,
  effectExamplesMax: engine.effectExamplesMax,
  effectExampleBytesMax: engine.effectExampleBytesMax,
  watchedRecordsMax: engine.watchedRecordsMax,
  watchedRecordBytesMax: engine.watchedRecordBytesMax,
  spoolVersion: spool.spoolVersion,
  segmentMagic: spool.segmentMagic,
  groupMagic: spool.groupMagic,
  reasonBytesMax: spool.reasonBytesMax,
};

const text = `// Written by scripts/generate.mjs from the tables in src/; do not edit. What each field means is said there.
#pragma once

#include <cstddef>
#include <cstdint>

// clang-format off
namespace streamgate {

${[
  ring.ringHeader,
  ring.blockHeader,
  engine.batchHeader,
  engine.batchEntry,
  engine.withheldHeader,
  engine.withheldEntry,
  spool.segmentHeader,
  spool.groupHeader,
  spool.segmentScan,
]
  .map(structText)
  .join("\n\n")}

${[
  enumText("BlockKind", "uint16_t", ring.blockKind),
  enumText("Transport", "uint8_t", ring.transport),
  enumText("FramingKind", "uint32_t", framingCode),
  enumText("OperationCode", "uint16_t", operations.operationCode),
  enumText("OperationFlag", "uint16_t", operations.operationFlag),
  enumText("AttributeOperator", "uint8_t", operations.attributeOperator),
  enumText("ThrottleKey", "uint8_t", operations.throttleKey),
  enumText("ConditionCode", "uint16_t", operations.conditionCode),
  enumText("Severity", "uint8_t", operations.severity),
  enumText("SyslogField", "uint8_t", syslog.syslogField),
  enumText("RunResult", "uint32_t", engine.runResult),
  enumText("StopCause", "uint32_t", engine.stopCause),
  enumText("ShardKeyKind", "uint32_t", engine.shardKeyKind),
  enumText("EncodeStop", "uint32_t", encodeStop),
  enumText("FrameTime", "uint32_t", engine.frameTime),
  enumText("ObjectMode", "uint32_t", engine.objectMode),
  enumText("QuarantineCause", "uint32_t", engine.quarantineCause),
  enumText("CountCell", "uint32_t", engine.countCell),
  enumText("SelectorCell", "uint32_t", selectorCell),
  enumText("FrameCell", "uint32_t", engine.frameCell),
  enumText("RuleCell", "uint32_t", engine.ruleCell),
  enumText("RouteCell", "uint32_t", engine.routeCell),
  enumText("SegmentState", "uint32_t", spool.segmentState),
].join("\n\n")}

${[
  namesText("kSyslogSeverities", syslog.syslogSeverities),
  namesText("kSyslogFacilities", syslog.syslogFacilities),
].join("\n\n")}

${Object.entries(constants)
  .map(([name, value]) => `constexpr uint32_t ${constant(name)} = ${value};`)
  .join("\n")}

}  // namespace streamgate
`;

if (process.argv.includes("--check")) {
  if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
    console.error("native/generated/layout.h is stale; run `npm run generate` and commit it");
    process.exit(1);
  }
} else {
  mkdirSync(new URL(".", target), { recursive: true });
  writeFileSync(target, text);
}
