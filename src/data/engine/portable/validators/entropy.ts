/** How random a text looks: its collision entropy. Twin of native/validators/entropy.h, where it is told. */

/** Is it at least as diverse as a text of `different` characters that are all as frequent? @param text at most 1 KiB */
export function isAsDiverseAs(text: Uint8Array, different: number): boolean {
  const counts = new Uint32Array(256);
  let squares = 0;
  for (const c of text) squares += 2 * counts[c]!++ + 1;
  return different * squares <= text.length * text.length;
}
