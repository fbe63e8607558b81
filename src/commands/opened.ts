/** What a serving command has opened: closed in the reverse order, at its end and when a step of its start fails. */

export class Opened {
  readonly #steps: (() => Promise<unknown>)[] = [];
  /** Whether the start went through. */
  complete = false;

  /** @param close runs before those that were added earlier */
  add(close: () => Promise<unknown>): void {
    this.#steps.push(close);
  }

  /** Each step runs once, however often this is called. */
  async close(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) await step();
  }
}

/** Runs a command's start. @throws what `start` throws, after all that it had opened was closed */
export async function opening<T>(start: (opened: Opened) => Promise<T>, opened = new Opened()): Promise<T> {
  try {
    const started = await start(opened);
    opened.complete = true;
    return started;
  } catch (error) {
    await opened.close();
    throw error;
  }
}
