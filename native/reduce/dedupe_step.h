// The operation dedupe as a plan holds it: by what records are alike, and how much is remembered. Twin of
// dedupe_step.ts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/attribute_filter.h"
#include "reduce/dedupe.h"

namespace streamgate {

struct DedupeStep {
  double window_ms = 0;
  uint64_t memory_bytes = 0;
  // Numbers, hex, UUIDs and times count as alike.
  bool masks = false;
  std::string label;
  // Empty: the whole record.
  std::vector<std::unique_ptr<AttributeFilter>> fields;

  // Reads the arguments of a dedupe operation (src/plan/operations.ts). False: refused, and `error` says why.
  static bool Prepare(const std::vector<std::string>& args, DedupeStep* step, std::string* error);

  std::unique_ptr<RuleMemory> Remember(uint64_t seed) const {
    return std::make_unique<Dedupe>(label, window_ms, memory_bytes, seed);
  }
  // False: it has none of the fields, so nothing can be said of it.
  bool HashOf(std::string_view text, uint64_t seed, uint64_t* hash) const;
};

}  // namespace streamgate
