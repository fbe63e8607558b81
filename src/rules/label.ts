/** A rule's name in what the engines write: its id as the inside of a JSON string, which is also one line of text. */

export function labelOf(id: string): Uint8Array {
  return Buffer.from(JSON.stringify(id).slice(1, -1));
}
