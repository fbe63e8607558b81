/** Hand-written searches, by name. Twin of native/detect/scanners.h. */

import { scanAwsSecretKey } from "./aws_secret_key.ts";
import { scanBasicAuth } from "./basic_auth.ts";
import { scanBearerToken } from "./bearer_token.ts";
import { scanCreditCard } from "./credit_card.ts";
import { scanEmail } from "./email.ts";
import { scanGenericSecret } from "./generic_secret.ts";
import { scanGithubToken } from "./github_token.ts";
import { scanIban } from "./iban.ts";
import { scanIpv4 } from "./ipv4.ts";
import { scanIpv6 } from "./ipv6.ts";
import { scanJwt } from "./jwt.ts";
import {
  scanAuTfn,
  scanBrCpf,
  scanCaSin,
  scanDeTaxId,
  scanEsDni,
  scanFrNir,
  scanInAadhaar,
  scanItFiscalCode,
  scanNlBsn,
  scanPlPesel,
  scanUkNhs,
  scanUkNino,
  scanUsRouting,
} from "./national_numbers.ts";
import { scanPrivateKey } from "./private_key.ts";
import { scanUrlCredentials } from "./url_credentials.ts";
import { scanUsPhone } from "./us_phone.ts";
import { scanUsSsn } from "./us_ssn.ts";

/** Appends begin and end of each value in `text`, ascending, none overlapping another. */
export type Scan = (text: Buffer, finds: number[]) => void;

export const scanners: ReadonlyMap<string, Scan> = new Map([
  ["us_ssn", scanUsSsn],
  ["credit_card", scanCreditCard],
  ["iban", scanIban],
  ["email", scanEmail],
  ["us_phone", scanUsPhone],
  ["ipv4", scanIpv4],
  ["ipv6", scanIpv6],
  ["jwt", scanJwt],
  ["github_token", scanGithubToken],
  ["private_key", scanPrivateKey],
  ["url_credentials", scanUrlCredentials],
  ["bearer_token", scanBearerToken],
  ["us_routing", scanUsRouting],
  ["uk_nino", scanUkNino],
  ["uk_nhs", scanUkNhs],
  ["de_tax_id", scanDeTaxId],
  ["fr_nir", scanFrNir],
  ["es_dni", scanEsDni],
  ["it_fiscal_code", scanItFiscalCode],
  ["nl_bsn", scanNlBsn],
  ["pl_pesel", scanPlPesel],
  ["br_cpf", scanBrCpf],
  ["in_aadhaar", scanInAadhaar],
  ["ca_sin", scanCaSin],
  ["au_tfn", scanAuTfn],
  ["basic_auth", scanBasicAuth],
  ["aws_secret_key", scanAwsSecretKey],
  ["generic_secret", scanGenericSecret],
]);
