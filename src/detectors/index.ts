/** Every detector. Adding one: its file with its table of examples, and a line here; what it names in both engines. */

import { awsAccessKey } from "./aws_access_key.ts";
import { bearerToken } from "./bearer_token.ts";
import { creditCard } from "./credit_card.ts";
import type { Detector, DetectorGroup } from "./detector.ts";
import { email } from "./email.ts";
import { gcpKey } from "./gcp_key.ts";
import { githubToken } from "./github_token.ts";
import { gitlabToken } from "./gitlab_token.ts";
import { iban } from "./iban.ts";
import { ipv4 } from "./ipv4.ts";
import { ipv6 } from "./ipv6.ts";
import { jwt } from "./jwt.ts";
import { mac } from "./mac.ts";
import { privateKey } from "./private_key.ts";
import { slackToken } from "./slack_token.ts";
import { stripeKey } from "./stripe_key.ts";
import { urlCredentials } from "./url_credentials.ts";
import { usPhone } from "./us_phone.ts";
import { usSsn } from "./us_ssn.ts";

export type { Detector, DetectorExample, DetectorGroup } from "./detector.ts";

/** In the order that decides between finds of the same length at the same place. */
const all: readonly Detector[] = [
  privateKey,
  jwt,
  urlCredentials,
  githubToken,
  gitlabToken,
  slackToken,
  stripeKey,
  gcpKey,
  awsAccessKey,
  bearerToken,
  creditCard,
  iban,
  usSsn,
  email,
  usPhone,
  ipv6,
  ipv4,
  mac,
];

export const detectors: ReadonlyMap<string, Detector> = new Map(all.map((detector) => [detector.name, detector]));

const groups: readonly DetectorGroup[] = ["pci", "pii", "secrets"];
/** Names that stand for several detectors. */
export const detectorGroups: ReadonlyMap<string, readonly Detector[]> = new Map([
  ...groups.map((group) => [group, all.filter((detector) => detector.groups.includes(group))] as const),
  ["all", all] as const,
]);

/** The detectors that these names and groups stand for, each once, in the order in which they were named. */
export function detectorsOf(names: readonly string[]): readonly Detector[] {
  return [
    ...new Set(
      names.flatMap((name) => {
        const one = detectors.get(name);
        return one === undefined ? (detectorGroups.get(name) ?? []) : [one];
      }),
    ),
  ];
}
