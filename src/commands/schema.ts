/** `streamgate schema`: the JSON Schema of the configuration file, for editors and other checkers. */

import { configurationJsonSchema } from "../manifest/configuration_schema.ts";
import { print } from "./print.ts";

/** @returns exit status 0 */
export async function command(): Promise<number> {
  print(`${JSON.stringify(configurationJsonSchema(), null, 2)}\n`);
  return 0;
}
