/** `streamgate token new NAME --role ROLE`: makes a token. It is printed here and kept nowhere; the file of tokens gets its hash. */

import { isRole, roles } from "../control/auth/role.ts";
import { checkName, digestOf, newToken, tokenLine } from "../control/auth/token.ts";
import { StreamGateError } from "../errors.ts";
import { print } from "./print.ts";

export interface TokenNewOptions {
  readonly name: string;
  readonly role: string;
  readonly json: boolean;
}

/** @returns exit status 0. @throws StreamGateError SG_SETTING */
export function command({ name, role, json }: TokenNewOptions): number {
  checkName(name);
  if (!isRole(role))
    throw new StreamGateError("SG_SETTING", {
      where: "--role",
      what: `${JSON.stringify(role)} is no role`,
      fix: `give ${roles.join(", ")}`,
    });
  const token = newToken();
  const line = tokenLine({ name, role, digest: digestOf(token) });
  if (json) print(`${JSON.stringify({ name, role, token, line })}\n`);
  else {
    print(`${token}\n${line}\n`);
    process.stderr.write(
      "the token, shown this once, and the line that lets it in: append that to the file in STREAMGATE_TOKEN_FILE (mode 0600)\n",
    );
  }
  return 0;
}
