/** URLs of a configuration that name an address where clouds hand out credentials. */

import { outputSchema } from "./index.ts";
import { isMetadataHost, metadataRefusal } from "./metadata_address.ts";
import type { OutputConfig } from "./output.ts";

/**
 * What names resolve to is asked when an output connects (`src/data/delivery/http.ts`).
 * @param base the output's place, such as `outputs[2]`; empty: it stands alone
 * @throws StreamGateError SG_OUTPUT_ADDRESS naming the field
 */
export function refuseMetadataUrls(config: OutputConfig, base = ""): void {
  for (const [field, declared] of Object.entries(outputSchema(config.type)?.properties ?? {})) {
    const value = config[field];
    if ((declared as unknown as Record<string, unknown>)["x-text"] !== "url" || typeof value !== "string") continue;
    const host = URL.parse(value)?.hostname;
    if (host !== undefined && isMetadataHost(host))
      throw metadataRefusal(base === "" ? field : `${base}.${field}`, host);
  }
}
