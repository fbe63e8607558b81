/**
 * Compiles native/fuzz/plans/*.json, rules and outputs as users write them beside records for them, into inputs of the `plan` target
 * and, of those named redact_*, into the table that the `detect` target has its rules from. Written at each run, so that a plan's
 * layout may change and no seed goes stale. Runs on a Node that strips types (22.18 and later): the repository's own.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { framingCode } from "../../src/data/frame/framing.ts";
import { readRulesAndOutputs } from "../../src/manifest/manifest.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import { encodePlan } from "../../src/plan/encode.ts";
import { resolveRuleKeys } from "../../src/rules/secrets_of_rules.ts";

import { root } from "./list.mjs";

const plans = join(root, "native/fuzz/plans");
/** Bytes of the input behind a plan: newline framing, and from IPv4 over TCP. */
const inNewlines = Uint8Array.of(framingCode.newline, 0);
/** What a rule of mode hash reads. */
const hashKey = "sixteen bytes and more";
/** RE2 is asked when the target prepares the plan; here it is only counted what a rewrite may name. */
const takeAny = (pattern) => ({ ok: true, groups: pattern.match(/\((?!\?)/g)?.length ?? 0 });

/**
 * @param {string} folder where a run of the fuzzers keeps its files
 * @returns {Promise<{ folder: string, headers: string[] }>} the folder with seeds, one below it for each target, and the files that targets include
 */
export async function writeSeeds(folder) {
  const seeds = join(folder, "seeds");
  rmSync(seeds, { recursive: true, force: true });
  mkdirSync(join(seeds, "plan"), { recursive: true });
  mkdirSync(join(folder, "generated"), { recursive: true });

  const redactions = [];
  for (const file of readdirSync(plans).filter((name) => name.endsWith(".json"))) {
    const { rules, outputs = [], records } = JSON.parse(readFileSync(join(plans, file), "utf8"));
    const read = readRulesAndOutputs(rules, outputs, takeAny);
    const keyed = resolveRuleKeys(read.rules, { env: () => hashKey, file: () => hashKey });
    const plan = Buffer.from(encodePlan(compilePlan(keyed, read.outputs)));
    const length = Buffer.alloc(2);
    length.writeUInt16LE(plan.length);
    const name = basename(file, ".json");
    writeFileSync(
      join(seeds, "plan", name),
      Buffer.concat([length, plan, inNewlines, Buffer.from(records.map((record) => `${record}\n`).join(""))]),
    );
    if (name.startsWith("redact_")) redactions.push(plan);
  }
  const header = join(folder, "generated", "redactions.h");
  const text = [
    "// Written by scripts/native/fuzz_seeds.mjs.",
    "#pragma once",
    "#include <string_view>",
    "",
    "namespace streamgate::fuzz {",
    "constexpr std::string_view kRedactions[] = {",
    ...redactions.map((plan) => `    {"${escaped(plan)}", ${plan.length}},`),
    "};",
    "}  // namespace streamgate::fuzz",
    "",
  ].join("\n");
  if (!existsSync(header) || readFileSync(header, "utf8") !== text) writeFileSync(header, text);
  return { folder: seeds, headers: [header] };
}

function escaped(bytes) {
  return [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
