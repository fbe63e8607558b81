/**
 * The paths of an attribute rule as a trie, so that one walk over a record follows all of them at once.
 * Twin of `native/attribute/path_trie.h`.
 */

import type { JsonScalar } from "./json_text.ts";

/** What a walk has found at a node. */
export type Found = "absent" | "container" | JsonScalar;

export class PathNode {
  readonly key: Buffer;
  readonly children: PathNode[] = [];
  /** Rank of the first listed path that ends here; Infinity: none does. */
  path = Number.POSITIVE_INFINITY;
  found: Found = "absent";

  constructor(key: Buffer) {
    this.key = key;
  }

  /** The child whose key is these bytes. */
  find(bytes: Uint8Array, start: number, end: number): PathNode | undefined {
    for (const child of this.children) if (sameBytes(child.key, bytes, start, end)) return child;
    return undefined;
  }

  /** Takes back what a walk has found here and below: an earlier record's, or an earlier duplicate's of this key. */
  forget(): void {
    this.found = "absent";
    for (const child of this.children) child.forget();
  }
}

/** @returns the root, which is the record itself, and the nodes at which a path ends, first listed path first */
export function pathTrie(paths: readonly (readonly Buffer[])[]): { root: PathNode; ends: PathNode[] } {
  const root = new PathNode(Buffer.alloc(0));
  const ends = new Set<PathNode>();
  for (const [rank, keys] of paths.entries()) {
    let node = root;
    for (const key of keys) {
      let child = node.find(key, 0, key.length);
      if (child === undefined) {
        child = new PathNode(key);
        node.children.push(child);
      }
      node = child;
    }
    node.path = Math.min(node.path, rank);
    ends.add(node);
  }
  return { root, ends: [...ends].sort((a, b) => a.path - b.path) };
}

/** Are `bytes` from `start` to `end` the same as `other`? */
export function sameBytes(other: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (other.length !== end - start) return false;
  for (let i = 0; i < other.length; i++) if (other[i] !== bytes[start + i]) return false;
  return true;
}
