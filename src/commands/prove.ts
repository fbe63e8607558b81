/** `streamgate prove FILE…`: what rules would have saved on records that were kept, and what of it they would have taken away. */

import { selectEngine } from "../data/engine/select.ts";
import { Measure } from "../data/proof/measure.ts";
import { compilePlan } from "../plan/compile.ts";
import type { Price } from "../prices/price.ts";
import { withoutRuleKeys } from "../rules/secrets_of_rules.ts";
import { print } from "./print.ts";
import { proofOf } from "./proof.ts";
import { chunksOf } from "./prove_input.ts";
import { proofText } from "./prove_report.ts";
import { lastTimeIn, timeIn } from "./record_time.ts";
import { readRulesFile } from "./rules_file.ts";

export interface ProveOptions {
  /** `-`: standard input. */
  readonly files: readonly string[];
  readonly rules: string;
  /** Absent: no dollars. */
  readonly prices: Price | undefined;
  /** The time that the files are of; absent: from the first to the last time that is found in them. */
  readonly hours?: number;
  readonly engine?: "native" | "portable";
  readonly maxRecordBytes: number;
  readonly json: boolean;
}

/**
 * Prints a report; warnings go to standard error.
 * @returns exit status 0
 * @throws StreamGateError when rules or a file cannot be read
 */
export async function command(options: ProveOptions): Promise<number> {
  const { files, rules: path, prices, engine, maxRecordBytes, json } = options;
  const { kind, warning } = await selectEngine(engine);
  if (warning !== undefined) note(warning);
  const { rules, warnings } = readRulesFile(path, (pattern) => kind.checkPattern(pattern));
  for (const warning of warnings) note(`warning: ${warning}`);
  const plan = compilePlan(withoutRuleKeys(rules));
  const measure = new Measure(kind, plan, maxRecordBytes);
  const beganMs = performance.now();
  const clock = new ReplayClock();
  try {
    for (const file of files) {
      for await (const chunk of chunksOf(file)) measure.run(chunk, clock.at(chunk));
      clock.end();
      measure.end();
    }
    const proof = proofOf({
      ...{ files, rules, prices, engine: kind.description, measured: measure.result() },
      hours: options.hours ?? clock.hours,
      seconds: (performance.now() - beganMs) / 1000,
    });
    print(json ? `${JSON.stringify(proof)}\n` : proofText(proof));
  } finally {
    measure.close();
  }
  return 0;
}

/** Time as the records tell it: never backwards, and standing still where they tell none. */
class ReplayClock {
  #firstMs: number | undefined;
  #nowMs = 0;
  #chunk: Buffer | undefined;

  at(chunk: Buffer): number {
    this.#chunk = chunk;
    const ms = timeIn(chunk);
    if (ms === undefined) return this.#nowMs;
    this.#firstMs ??= ms;
    this.#nowMs = Math.max(this.#nowMs, ms);
    return this.#nowMs;
  }

  /** A file has ended. */
  end(): void {
    const lastMs = this.#chunk === undefined ? undefined : lastTimeIn(this.#chunk);
    this.#nowMs = Math.max(this.#nowMs, lastMs ?? 0);
  }

  /** Undefined: less than a minute, or unknown. */
  get hours(): number | undefined {
    const hours = (this.#nowMs - (this.#firstMs ?? this.#nowMs)) / 3_600_000;
    return hours < 1 / 60 ? undefined : hours;
  }
}

function note(line: string): void {
  process.stderr.write(`streamgate: ${line}\n`);
}
