/** The lines that producers of `ring.test.ts` push, and what a consumer checks of them: none lost, torn, twice or out of order. */

export function lineOf(producer: number, line: number): string {
  return `${producer} ${line} ${String.fromCharCode(97 + (line % 26)).repeat((line * 7) % 90)}`;
}

export class LinesChecked {
  /** Of each producer, the number of the line that is due. */
  readonly due: number[];

  constructor(producers: number) {
    this.due = new Array<number>(producers).fill(0);
  }

  /** @throws Error when this is not the next line of its producer */
  check(record: string): void {
    const producer = Number.parseInt(record, 10);
    const line = this.due[producer];
    if (line === undefined) throw new Error(`a record of no producer: ${record.slice(0, 40)}`);
    if (record !== lineOf(producer, line))
      throw new Error(`producer ${producer}: line ${line} was due, and this came: ${record.slice(0, 40)}`);
    this.due[producer] = line + 1;
  }
}
