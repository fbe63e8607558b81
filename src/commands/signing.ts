/** Where MANIFEST_KEY is set: manifests that travel over the bus, and reports of data planes, are signed, and have to be. */

import { SignedManifests } from "../bus/signed_manifests.ts";
import { SignedReports } from "../bus/signed_reports.ts";
import type { Settings } from "../settings/settings.ts";
import { log } from "../telemetry/process_log.ts";

/** @throws StreamGateError SG_MANIFEST_KEY */
export function signedManifests({ manifestKey }: Settings): SignedManifests | undefined {
  return manifestKey === undefined ? undefined : new SignedManifests(manifestKey, (message) => log.error(message));
}

/** @throws StreamGateError SG_MANIFEST_KEY */
export function signedReports({ manifestKey }: Settings): SignedReports | undefined {
  return manifestKey === undefined ? undefined : new SignedReports(manifestKey);
}
