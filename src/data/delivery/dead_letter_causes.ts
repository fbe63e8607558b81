/** Dead letters by cause, bounded: so many causes are told apart, what comes with another one counts as `other`. */

/** Causes are words of ours, but for statuses: those that one destination answers with are a few. */
export const deadLetterCausesMax = 16;
const rest = "other";

/** Records by cause. */
export type CauseCounts = Readonly<Record<string, number>>;

export class DeadLetterCauses {
  readonly #records = new Map<string, number>();
  #other = 0;

  add(cause: string, records: number): void {
    if (records === 0) return;
    const known = this.#records.get(cause);
    if (cause !== rest && (known !== undefined || this.#records.size < deadLetterCausesMax))
      this.#records.set(cause, (known ?? 0) + records);
    else this.#other += records;
  }

  get counts(): CauseCounts {
    return Object.fromEntries([...this.#records, ...(this.#other > 0 ? [[rest, this.#other] as const] : [])]);
  }
}
