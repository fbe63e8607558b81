// throttle: of each key so many records or bytes a second pass; what is cut within a window is told in one summary.
//
// A token bucket, filled by receive time. Whole numbers of millionths, so that both engines, and every compiler, come
// to the same decision: the table in throttle.ts is the same arithmetic in doubles, all of it below 2^53.
#pragma once

#include <cstdint>
#include <string_view>

#include "reduce/rule_memory.h"

namespace streamgate {

class Throttle : public RuleMemory {
 public:
  static constexpr int64_t kToken = 1'000'000;

  // `tokens_per_ms`, `tokens_max`: in millionths; up to kThrottleTokensMax each.
  Throttle(std::string_view label, double window_ms, uint64_t memory_bytes, uint64_t seed, int64_t tokens_per_ms,
           int64_t tokens_max)
      : RuleMemory(Kind::kThrottle, label, window_ms, memory_bytes, seed),
        tokens_per_ms_(tokens_per_ms),
        tokens_max_(tokens_max) {}

  // Is a record too much that costs `tokens` (whole ones)? One that costs more than a full bucket passes when the
  // bucket is full, and what follows pays for it.
  bool Cuts(uint64_t hash, uint64_t tokens, double now_ms);
  void Settle(std::string_view text, double now_ms, bool cut) override;
  void Told(uint32_t index) override { table_.Release(index); }

 private:
  const int64_t tokens_per_ms_;
  const int64_t tokens_max_;

  uint64_t hash_ = 0;
  uint32_t found_ = KeyTable::kNone;
  int64_t cost_ = 0;
  // What the bucket holds at the time that was asked about.
  int64_t tokens_ = 0;
  bool cuts_ = false;
};

}  // namespace streamgate
