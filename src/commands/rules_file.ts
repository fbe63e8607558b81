/** A file of rules as `check`, `pipe` and `prove` take it: a JSON list of rules, the configuration file, or a whole manifest. */

import { readFileSync } from "node:fs";
import { StreamGateError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { readConfiguration } from "../manifest/configuration.ts";
import {
  activePipeline,
  type OutputConfig,
  type PatternChecker,
  type Rule,
  readManifest,
  readRules,
} from "../manifest/manifest.ts";
import { isRecord } from "../schema.ts";

export interface RulesFile {
  readonly rules: readonly Rule[];
  /** Absent: the file is a list of rules. */
  readonly outputs?: readonly OutputConfig[];
  /** Sentences for what is ignored. */
  readonly warnings: readonly string[];
}

const fix = "give a JSON list of rules, streamgate.json, or a manifest";

/**
 * @param file a path; 0: standard input
 * @throws StreamGateError SG_INPUT when it cannot be read, else naming the field and the reason
 */
export function readRulesFile(file: string | 0, check: PatternChecker): RulesFile {
  const value = readJsonFile(file, fix);
  if (Array.isArray(value)) return readRules(value, check);
  if (isRecord(value) && "rules" in value && !("pipelines" in value)) {
    const { configuration, warnings } = readConfiguration(value, check);
    return { rules: configuration.rules, outputs: configuration.outputs, warnings };
  }
  const { manifest, warnings } = readManifest(value, check);
  const { processors, outputs } = activePipeline(manifest);
  return { rules: processors, outputs, warnings };
}

/**
 * @param file a path; 0: standard input
 * @param fix what would be right, for an error
 * @throws StreamGateError SG_INPUT when it cannot be read, SG_MANIFEST when it is no JSON
 */
export function readJsonFile(file: string | 0, fix: string): unknown {
  const where = file === 0 ? "standard input" : file;
  return parse(where, readBytes(file, where, fix), fix);
}

function readBytes(file: string | 0, where: string, fix: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const what = `cannot be read: ${(error as Error).message}`;
    throw new StreamGateError("SG_INPUT", { where, what, fix }, { cause: error });
  }
}

function parse(where: string, bytes: Uint8Array, fix: string): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    throw new StreamGateError("SG_MANIFEST", { where, what: (error as Error).message, fix });
  }
}
