// sample: which records are kept, and how many each of them stands for. Twin of sampling.ts.
//
// A record is kept where a hash is less than its severity's threshold, which is rate × 2^64: what a rate keeps, every
// higher one keeps. By key the hash is that of the key alone (ShardHash), so all workers, instances and restarts keep
// the same keys; else it is one of plan, rule and the record's number.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "generated/layout.h"
#include "reduce/record_hash.h"

namespace streamgate {

// The hash of a record that has no key. `seed`: of plan and rule; `sequence`: the record's number.
inline uint64_t RandomHash(uint64_t seed, uint64_t sequence) {
  RecordHash hash(seed);
  for (int i = 0; i < 8; ++i) hash.Byte(static_cast<uint8_t>(sequence >> (8 * i)));
  return hash.Finish();
}

struct Sampling {
  enum class Fate : uint8_t { kDropped, kSampled, kExempt };

  // UINT64_MAX: all are kept.
  uint64_t thresholds[kSeverities];
  double weights[kSeverities];
  // From this severity on records pass as they are. Above kFatal: none do.
  uint8_t keep;

  Fate FateOf(Severity severity, uint64_t hash) const {
    const auto level = static_cast<size_t>(severity);
    if (level >= keep && severity != Severity::kUnknown) return Fate::kExempt;
    const uint64_t threshold = thresholds[level];
    if (threshold == UINT64_MAX) return Fate::kExempt;
    return hash < threshold ? Fate::kSampled : Fate::kDropped;
  }
  double WeightOf(Severity severity) const { return weights[static_cast<size_t>(severity)]; }
};

// About how many keys a rule has met: enough to tell ten from a thousand. 256 buckets, so it never says more.
class KeyCount {
 public:
  void Add(uint64_t hash) { buckets_.set(hash & 255); }
  // Buckets that a key fell into: fewer than keys, by collisions.
  size_t buckets() const { return buckets_.count(); }

 private:
  std::bitset<256> buckets_;
};

}  // namespace streamgate
