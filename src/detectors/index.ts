/** Every detector. Adding one: its file with its table of examples, and a line here; what it names in both engines. */

import { auTfn } from "./au_tfn.ts";
import { awsAccessKey } from "./aws_access_key.ts";
import { awsSecretKey } from "./aws_secret_key.ts";
import { basicAuth } from "./basic_auth.ts";
import { bearerToken } from "./bearer_token.ts";
import { brCpf } from "./br_cpf.ts";
import { caSin } from "./ca_sin.ts";
import { creditCard } from "./credit_card.ts";
import { deTaxId } from "./de_tax_id.ts";
import type { Detector, DetectorGroup } from "./detector.ts";
import { email } from "./email.ts";
import { esDni } from "./es_dni.ts";
import { frNir } from "./fr_nir.ts";
import { gcpKey } from "./gcp_key.ts";
import { genericSecret } from "./generic_secret.ts";
import { githubToken } from "./github_token.ts";
import { gitlabToken } from "./gitlab_token.ts";
import { iban } from "./iban.ts";
import { inAadhaar } from "./in_aadhaar.ts";
import { ipv4 } from "./ipv4.ts";
import { ipv6 } from "./ipv6.ts";
import { itFiscalCode } from "./it_fiscal_code.ts";
import { jwt } from "./jwt.ts";
import { mac } from "./mac.ts";
import { nlBsn } from "./nl_bsn.ts";
import { plPesel } from "./pl_pesel.ts";
import { privateKey } from "./private_key.ts";
import { slackToken } from "./slack_token.ts";
import { stripeKey } from "./stripe_key.ts";
import { ukNhs } from "./uk_nhs.ts";
import { ukNino } from "./uk_nino.ts";
import { urlCredentials } from "./url_credentials.ts";
import { usPhone } from "./us_phone.ts";
import { usRouting } from "./us_routing.ts";
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
  basicAuth,
  awsSecretKey,
  creditCard,
  iban,
  usSsn,
  usRouting,
  ukNino,
  ukNhs,
  deTaxId,
  frNir,
  esDni,
  itFiscalCode,
  nlBsn,
  plPesel,
  brCpf,
  inAadhaar,
  caSin,
  auTfn,
  email,
  usPhone,
  ipv6,
  ipv4,
  mac,
  genericSecret,
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
