// Which worker owns a key. Fixed for good: a restart must map every key as before, and both languages alike
// (src/data/shard/hash.ts is the twin; docs/sharding.md tells users).
//
// The hash is FNV-1a, 64 bits (draft-eastlake-fnv-33), then the finalizer of MurmurHash3 (Appleby, fmix64): FNV alone
// lets the last bytes of a key reach few of the high bits, and those choose the worker. Keys are short, so a hash that
// is fast on long input would gain nothing. The worker is a jump consistent hash (Lamping and Veach, "A Fast, Minimal
// Memory, Consistent Hash Algorithm", 2014): from n to n + 1 workers one key in n + 1 moves, and only to the new one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace streamgate {

inline uint64_t ShardHash(const char* data, size_t size) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<uint8_t>(data[i])) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

// 0 to workers - 1. `workers` is at least 1.
inline uint32_t ShardOwner(uint64_t hash, uint32_t workers) {
  uint32_t owner = 0;
  for (double next = 0; next < workers;) {
    owner = static_cast<uint32_t>(next);
    hash = hash * 2862933555777941757u + 1;
    next = static_cast<double>(
        static_cast<uint64_t>((owner + 1.0) * (2147483648.0 / static_cast<double>((hash >> 33) + 1))));
  }
  return owner;
}

}  // namespace streamgate
