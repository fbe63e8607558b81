/** Where records come from. */

import type { Transport } from "../ring/layout.ts";

/** Where a framer's records come from; written into the blocks it makes. */
export interface Source {
  readonly transport: Transport;
  /** Textual IPv4 or IPv6 address; absent: unknown. */
  readonly address?: string;
  readonly port?: number;
}
