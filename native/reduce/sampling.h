// sample: which records are kept, and how many each of them stands for. Twin of sampling.ts.
//
// By key a record is kept where the key's hash (ShardHash) is less than its severity's threshold, which is rate × 2^64:
// all workers, instances and restarts keep the same keys, and what a rate keeps, every higher one keeps.
//
// By chance, where the weight is a whole number n: of each n records in a row one is drawn, its place by a hash of
// plan, rule and the number of the n. So what kept records stand for is what came, but for those of other severities
// and rules among the n; drawing each by itself would be off by 1.2 % for 64,000 records at a share of 0.1. Places are
// drawn anew for each n: every tenth record may well be of one kind. Where it is no whole number each record is drawn
// by itself.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "generated/layout.h"
#include "reduce/record_hash.h"

namespace streamgate {

// Chance. `seed`: of plan and rule; `number`: of the record, or of a row of them.
inline uint64_t RandomHash(uint64_t seed, uint64_t number) {
  RecordHash hash(seed);
  for (int i = 0; i < 8; ++i) hash.Byte(static_cast<uint8_t>(number >> (8 * i)));
  return hash.Finish();
}

struct Sampling {
  enum class Fate : uint8_t { kDropped, kSampled, kExempt };

  // So that the twin's products stay below 2^53.
  static constexpr uint64_t kRowMax = 1 << 20;

  // UINT64_MAX: all are kept.
  uint64_t thresholds[kSeverities];
  double weights[kSeverities];
  // From this severity on records pass as they are. Above kFatal: none do.
  uint8_t keep;

  bool Exempts(Severity severity) const {
    const auto level = static_cast<size_t>(severity);
    return (level >= keep && severity != Severity::kUnknown) || thresholds[level] == UINT64_MAX;
  }
  // Of a key with this hash.
  Fate FateOfKey(Severity severity, uint64_t hash) const {
    return hash < thresholds[static_cast<size_t>(severity)] ? Fate::kSampled : Fate::kDropped;
  }
  // Of record `sequence`, by chance.
  Fate FateOf(Severity severity, uint64_t seed, uint64_t sequence) const {
    const double weight = WeightOf(severity);
    const auto row = static_cast<uint64_t>(weight);
    if (thresholds[static_cast<size_t>(severity)] == 0 || row > kRowMax || static_cast<double>(row) != weight)
      return FateOfKey(severity, RandomHash(seed, sequence));
    const uint64_t place = (RandomHash(seed ^ row, sequence / row) >> 32) * row >> 32;
    return sequence % row == place ? Fate::kSampled : Fate::kDropped;
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
