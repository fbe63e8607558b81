/** The commands about tokens of the control API. */

import type { Command } from "commander";
import { finish } from "./options.ts";

export function addTokens(program: Command): void {
  const token = program.command("token").description("tokens of the control API (docs/security.md)");
  token
    .command("new")
    .description("makes a token, prints it once, and the line that lets it in, for the file in STREAMGATE_TOKEN_FILE")
    .argument("<name>", "how the audit file and versions call its owner, such as ci-deploy")
    .requiredOption("--role <role>", "read, write (rules, outputs, publish) or admin (everything)")
    .option("--json", "print JSON")
    .action(async (name: string, { role, json = false }: { role: string; json?: boolean }) => {
      const { command } = await import("../token_new.ts");
      return finish(command({ name, role, json }));
    });
}
