// The operation sample as a plan holds it: what of a record is hashed, and whose weight is written. Twin of
// sample_step.ts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/attribute_filter.h"
#include "reduce/sampling.h"
#include "reduce/weight.h"

namespace streamgate {

struct SampleStep {
  Sampling sampling = {};
  // Kept records bear their weight.
  bool weighs = false;
  // Null: records are sampled each by itself.
  std::unique_ptr<AttributeFilter> key;
  std::unique_ptr<KeyCount> keys;
  std::unique_ptr<WeightWriter> writer;

  // Reads the arguments of a sample operation (src/plan/operations.ts). False: refused, and `error` says why.
  static bool Prepare(const std::vector<std::string>& args, SampleStep* step, std::string* error);

  // By key, when the record has one; else by chance, of which `seed` and `sequence` are all there is.
  Sampling::Fate FateOf(std::string_view text, Severity severity, uint64_t seed, uint64_t sequence) const;
};

}  // namespace streamgate
