/** Makes an addon ask for a glibc that no system has, to see what is said on one that is too old. */

/** As the loader hashes names of versions (System V ABI, "Hash Table Section"). */
function elfHash(name) {
  let hash = 0;
  for (const byte of Buffer.from(name)) {
    hash = ((hash << 4) + byte) >>> 0;
    const high = hash & 0xf0000000;
    hash = (hash ^ (high >>> 24) ^ high) >>> 0;
  }
  return hash;
}

/**
 * @param {Buffer} elf an addon for Linux
 * @returns {Buffer} the same, with one version that it needs renamed to one of the same length that does not exist
 * @throws Error when it needs none
 */
export function requireNewerGlibc(elf) {
  const [name] = /GLIBC_2\.\d+(?=\0)/.exec(elf.toString("latin1")) ?? [];
  if (name === undefined) throw new Error("the addon needs no version of glibc");
  const wanted = name.replace("_2.", "_9.");
  const changed = Buffer.from(elf);
  changed.write(wanted, changed.indexOf(name), "latin1");
  const hashes = [Buffer.alloc(4), Buffer.alloc(4)];
  hashes[0].writeUInt32LE(elfHash(name));
  hashes[1].writeUInt32LE(elfHash(wanted));
  // Behind it: flags 0 (vna_flags of Elf64_Vernaux).
  const at = changed.indexOf(Buffer.concat([hashes[0], Buffer.alloc(2)]));
  if (at === -1) throw new Error(`the hash of ${name} is not there`);
  hashes[1].copy(changed, at);
  return changed;
}
