/**
 * What SIGINT and SIGTERM do where no command has said otherwise: end the process at once, with the status that shells report.
 *
 * As process 1, which a container's command is, that goes for nothing: there a signal without a handler is ignored, so that `docker stop` while a
 * gate starts, or Ctrl-C at a command that takes long, would wait for Docker to lose patience.
 */

const numbers = { SIGINT: 2, SIGTERM: 15 } as const;
const names = ["SIGINT", "SIGTERM"] as const;

/** From now on they end the process; called before anything else is loaded. */
export function letSignalsEnd(): void {
  if (process.pid !== 1) return;
  for (const name of names) process.on(name, end);
}

/** A command handles them itself from now on. */
export function takeSignals(): void {
  for (const name of names) process.off(name, end);
}

function end(name: (typeof names)[number]): void {
  process.exit(128 + numbers[name]);
}
