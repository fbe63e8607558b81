/** The commands that serve until a signal ends them: both planes, or one. */

import type { Command } from "commander";
import { readSettings, settingsOf } from "../../settings/settings.ts";
import { finish, withSettings } from "./options.ts";

export function addServing(program: Command): void {
  const run = program
    .command("run", { isDefault: true })
    .description("both planes in one process (the default)")
    .allowExcessArguments()
    .configureHelp({ showGlobalOptions: false });
  withSettings(run, settingsOf("data", "control", "both")).action(async (options, command: Command) => {
    // `run` is the default, so a misspelt command arrives here as its argument.
    const [stray] = command.args;
    if (stray !== undefined) program.error(`error: unknown command '${stray}'`);
    const { command: start } = await import("../run.ts");
    return finish(await start(readSettings({ flags: options, env: process.env })));
  });

  withSettings(
    program.command("control").description("the control API alone; publishes through Redis (default: localhost:6379)"),
    settingsOf("control", "both"),
  ).action(async (options) => {
    const { command } = await import("../control.ts");
    return finish(await command(readSettings({ flags: options, env: process.env })));
  });

  withSettings(
    program
      .command("data")
      .description("the data plane alone; takes its manifest from Redis (default: localhost:6379)"),
    settingsOf("data", "both"),
  ).action(async (options) => {
    const { command } = await import("../data.ts");
    return finish(await command(readSettings({ flags: options, env: process.env })));
  });

  // What belongs together is read together.
  const healthSettings = [
    ...(["controlHost", "controlPort", "controlTlsCert", "controlTlsKey", "controlTlsClientCa"] as const),
    ...(["adminHost", "adminPort", "adminTlsCert", "adminTlsKey", "adminTlsClientCa"] as const),
  ];
  withSettings(
    program.command("healthcheck").description("exit status 0 when a gate on this machine is alive, for containers"),
    healthSettings,
  ).action(async (options) => {
    const { command } = await import("../healthcheck.ts");
    return finish(await command(readSettings({ flags: options, env: process.env }, healthSettings)));
  });
}
