/** Hand-written searches, by name. Twin of native/detect/scanners.h. */

import { scanBearerToken } from "./bearer_token.ts";
import { scanCreditCard } from "./credit_card.ts";
import { scanEmail } from "./email.ts";
import { scanGithubToken } from "./github_token.ts";
import { scanIban } from "./iban.ts";
import { scanIpv4 } from "./ipv4.ts";
import { scanIpv6 } from "./ipv6.ts";
import { scanJwt } from "./jwt.ts";
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
]);
