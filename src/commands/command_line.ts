/**
 * The command line: what each command is called, takes and says about itself. Each command's code is loaded when it runs, so
 * that `pipe` starts without Fastify and `check` without sockets. The commands lie by groups in `command_line/`.
 */

import { Command, CommanderError } from "commander";
import { StreamGateError } from "../errors.ts";
import { addClient } from "./command_line/client.ts";
import { finish } from "./command_line/options.ts";
import { addServing } from "./command_line/serving.ts";
import { addStored } from "./command_line/stored.ts";
import { addTokens } from "./command_line/tokens.ts";
import { addTrying } from "./command_line/trying.ts";
import { print } from "./print.ts";

/** Exit status of a wrong command line, as in most Unix tools; anything else that goes wrong is 1. */
const exitUsage = 2;

const program = new Command("streamgate")
  .description(
    "Observability firewall: drops noise and redacts personal data from logs before they reach the vendors that bill for them.",
  )
  .option("-V, --version", "the version, the engine that runs here and its kernel")
  .showHelpAfterError("(add --help for what there is)")
  .addHelpText(
    "after",
    [
      "\nFirst steps:",
      "  streamgate                                         both planes; records come out on standard output",
      "  echo 'DEBUG x' | nc -N localhost 8081              in another terminal: a record",
      "  streamgate rules add no_debug filter value=DEBUG   a rule, in the draft",
      "  streamgate publish                                 from now on it acts",
      "  streamgate status                                  what became of every record",
      "\nWithout a command, `run` is meant: streamgate --tcp-port 9081 starts the gate on another port.",
    ].join("\n"),
  )
  .configureOutput({ writeOut: print })
  .exitOverride();

/** Ends the parsing, as --help does, before any command starts. */
const versionAsked = "streamgate.version";
program.on("option:version", () => {
  throw new CommanderError(0, versionAsked, "");
});

addServing(program);
addTrying(program);
addClient(program);
addStored(program);
addTokens(program);

try {
  await program.parseAsync().catch(async (error) => {
    if (!(error instanceof CommanderError) || error.code !== versionAsked) throw error;
    const { command } = await import("./version.ts");
    finish(await command());
  });
} catch (error) {
  process.exitCode = explain(error);
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsage;
  if (error instanceof StreamGateError) {
    process.stderr.write(`streamgate: ${error.message}\n`);
    return error.code === "SG_SETTING" ? exitUsage : 1;
  }
  process.stderr.write(`streamgate: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}
