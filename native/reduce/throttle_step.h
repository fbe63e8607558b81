// The operation throttle as a plan holds it: whose records, how many, and which are exempt. Twin of throttle_step.ts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/attribute_filter.h"
#include "frame/source.h"
#include "reduce/throttle.h"

namespace streamgate {

struct ThrottleStep {
  double window_ms = 0;
  uint64_t memory_bytes = 0;
  // In millionths of a record or byte.
  int64_t tokens_per_ms = 0;
  int64_t tokens_max = 0;
  ThrottleKey by = ThrottleKey::kAll;
  // Bytes are counted, not records.
  bool bytes = false;
  // From this severity on records pass and cost nothing. Above kFatal: none do.
  uint8_t exempt = 0;
  std::string label;
  // Where `by` is kAttribute.
  std::unique_ptr<AttributeFilter> key;

  // Reads the arguments of a throttle operation (src/plan/operations.ts). False: refused, and `error` says why.
  static bool Prepare(const std::vector<std::string>& args, ThrottleStep* step, std::string* error);

  std::unique_ptr<RuleMemory> Remember(uint64_t seed) const {
    return std::make_unique<Throttle>(label, window_ms, memory_bytes, seed, tokens_per_ms, tokens_max);
  }
  // Records without the attribute share one key.
  uint64_t HashOf(std::string_view text, const BlockSource& source, uint64_t seed) const;
};

}  // namespace streamgate
