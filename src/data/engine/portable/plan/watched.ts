/**
 * Records that single rules have acted on, for people who look on while they run (`GET /tail?rule=`). Twin of `native/plan/watched.h`,
 * which says what is kept.
 */

import type { WatchedRule } from "../../engine.ts";
import { watchedRecordBytesMax, watchedRecordsMax } from "../../layout.ts";

export class WatchedRules {
  #watched: { readonly rule: number; records: number; examples: Buffer[] }[] = [];

  /** From now on these rules, by their numbers in the plan, and no others. None: nothing is looked at. */
  watch(rules: readonly number[]): void {
    this.#watched = rules.map((rule) => ({ rule, records: 0, examples: [] }));
  }

  get any(): boolean {
    return this.#watched.length > 0;
  }

  /** @param text the record as received, settled; copied where it is kept */
  note(rule: number, text: Buffer): void {
    for (const watched of this.#watched) {
      if (watched.rule !== rule) continue;
      watched.records++;
      if (watched.examples.length < watchedRecordsMax && text.length <= watchedRecordBytesMax)
        watched.examples.push(Buffer.from(text));
    }
  }

  /** What was noted since the last call, an entry a rule that is watched. */
  take(): readonly WatchedRule[] {
    return this.#watched.map((watched) => {
      const { rule, records, examples } = watched;
      watched.records = 0;
      watched.examples = [];
      return { rule, records, examples };
    });
  }
}
