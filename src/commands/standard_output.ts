/** Standard output of a command that prints more than fits a pipe: it waits for its reader, and ends quietly when that one has gone. */

import { once } from "node:events";

export async function write(bytes: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
}

/**
 * @returns exit status 0, also when nobody reads any more
 * @throws what `work` throws for another reason
 */
export async function endQuietly(work: () => Promise<void>): Promise<number> {
  let gone: (() => void) | undefined;
  const closed = new Promise<void>((resolve) => {
    gone = resolve;
  });
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    gone?.();
  };
  process.stdout.on("error", onError);
  await Promise.race([work(), closed]);
  return 0;
}
