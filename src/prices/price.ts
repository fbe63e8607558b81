/** What records cost at a destination: dollars a gigabyte and dollars a million events. */

/** A gigabyte as vendors bill it: 10⁹ bytes. */
const gigabyte = 1e9;
const million = 1e6;

export interface Price {
  /** For 10⁹ bytes, before compression. */
  readonly perGbUsd: number;
  readonly perMillionEventsUsd: number;
}

/** A vendor's public price, and where it was read. Contracts differ: an output's `prices` says what is paid in fact. */
export interface PriceList extends Price {
  readonly vendor: string;
  /** Types of outputs that send to it. */
  readonly outputTypes: readonly string[];
  /** Which price it is, and what it leaves out. */
  readonly description: string;
  /** The vendor's own page. */
  readonly source: string;
  /** When it was looked up, and where if not there. */
  readonly asOf: string;
}

export const free: Price = { perGbUsd: 0, perMillionEventsUsd: 0 };

/** @returns dollars */
export function costUsd(
  { records, bytes }: { readonly records: number; readonly bytes: number },
  price: Price,
): number {
  return (bytes / gigabyte) * price.perGbUsd + (records / million) * price.perMillionEventsUsd;
}

/** Hours of a month, as cloud vendors count them: 365 × 24 ÷ 12. */
export const monthHours = 730;
