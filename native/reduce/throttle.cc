// See throttle.h.
#include "reduce/throttle.h"

#include <algorithm>
#include <cmath>

namespace streamgate {

bool Throttle::Cuts(uint64_t hash, uint64_t tokens, double now_ms) {
  hash_ = hash;
  cost_ = static_cast<int64_t>(tokens) * kToken;
  found_ = table_.Find(hash);
  tokens_ = tokens_max_;
  if (found_ != KeyTable::kNone) {
    const KeyEntry& entry = table_[found_];
    // After it the bucket is full. A clock that was set back adds nothing.
    const auto full_ms = static_cast<double>((tokens_max_ - entry.tokens) / tokens_per_ms_ + 1);
    const double passed_ms = std::floor(std::min(std::max(now_ms - entry.tokens_at_ms, 0.0), full_ms));
    tokens_ = std::min(tokens_max_, entry.tokens + static_cast<int64_t>(passed_ms) * tokens_per_ms_);
  }
  return cuts_ = tokens_ < std::min(cost_, tokens_max_);
}

void Throttle::Settle(std::string_view text, double now_ms, bool cut) {
  if (found_ == KeyTable::kNone) {
    found_ = table_.Insert(hash_);
  } else if (!cut) {
    table_.Touch(found_);
  }
  KeyEntry& entry = table_[found_];
  entry.tokens = cuts_ ? tokens_ : tokens_ - cost_;
  entry.tokens_at_ms = now_ms;
  if (!cut) return;
  if (entry.records == 0) {
    entry.first_ms = now_ms;
    table_.AddDue(found_);
  }
  Cut(found_, text, now_ms);
}

}  // namespace streamgate
