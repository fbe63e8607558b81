// dedupe: of records that are alike within a window the first passes, the others are cut and told in one summary.
#pragma once

#include <cstdint>
#include <string_view>

#include "reduce/rule_memory.h"

namespace streamgate {

class Dedupe : public RuleMemory {
 public:
  // `window_ms`: from the first record on, by receive time.
  Dedupe(std::string_view label, double window_ms, uint64_t memory_bytes, uint64_t seed)
      : RuleMemory(Kind::kDedupe, label, window_ms, memory_bytes, seed) {}

  // Was a record of this hash seen in its window?
  bool Repeats(uint64_t hash) {
    hash_ = hash;
    found_ = table_.Find(hash);
    return found_ != KeyTable::kNone;
  }
  void Settle(std::string_view text, double now_ms, bool cut) override;
  void Told(uint32_t index) override { table_.Remove(index); }

 private:
  uint64_t hash_ = 0;
  uint32_t found_ = KeyTable::kNone;
};

}  // namespace streamgate
