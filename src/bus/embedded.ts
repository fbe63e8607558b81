/** The bus within one process: publishing is a call, which returns when every worker runs the manifest. */

import type { Manifest } from "../manifest/manifest.ts";
import type { Publisher } from "./bus.ts";

export class EmbeddedBus implements Publisher {
  readonly #apply: (manifest: Manifest) => Promise<void>;

  /** @param apply puts a manifest to work in the data plane, or rejects with SG_PUBLISH_REFUSED and changes nothing */
  constructor(apply: (manifest: Manifest) => Promise<void>) {
    this.#apply = apply;
  }

  async publish(manifest: Manifest): Promise<{ subscribersNotified: number }> {
    await this.#apply(manifest);
    return { subscribersNotified: 1 };
  }

  async close(): Promise<void> {}
}
