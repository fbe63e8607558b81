// See sample_step.h.
#include "reduce/sample_step.h"

#include <cstring>

#include "shard/hash.h"

namespace streamgate {

bool SampleStep::Prepare(const std::vector<std::string>& args, SampleStep* step, std::string* error) {
  if (args[0].size() != 2 || args[1].size() != sizeof step->sampling.thresholds ||
      args[2].size() != sizeof step->sampling.weights) {
    *error = "sample needs a severity, thresholds and weights";
    return false;
  }
  step->sampling.keep = static_cast<uint8_t>(args[0][0]);
  step->weighs = args[0][1] != 0;
  std::memcpy(step->sampling.thresholds, args[1].data(), args[1].size());
  std::memcpy(step->sampling.weights, args[2].data(), args[2].size());
  for (const double weight : step->sampling.weights) {
    if (!(weight >= 1 && weight <= kSampleWeightMax)) {
      *error = "sample has a weight that no rate gives";
      return false;
    }
  }
  step->writer = std::make_unique<WeightWriter>();
  if (args.size() == 3) return true;
  step->keys = std::make_unique<KeyCount>();
  step->key = AttributeFilter::Prepare(AttributeOperator::kExists, {}, {args.begin() + 3, args.end()}, error,
                                       /*prefilters=*/false);
  return step->key != nullptr;
}

Sampling::Fate SampleStep::FateOf(std::string_view text, Severity severity, uint64_t seed, uint64_t sequence) const {
  if (sampling.Exempts(severity)) return Sampling::Fate::kExempt;
  std::string_view found;
  if (key == nullptr || !key->Find(text.data(), text.size(), &found)) return sampling.FateOf(severity, seed, sequence);
  const uint64_t hash = ShardHash(found.data(), found.size());
  keys->Add(hash);
  return sampling.FateOfKey(severity, hash);
}

}  // namespace streamgate
