// See throttle_step.h.
#include "reduce/throttle_step.h"

#include <cstring>

#include "reduce/record_hash.h"

namespace streamgate {
namespace {

constexpr size_t kHeadBytes = 35;

}  // namespace

bool ThrottleStep::Prepare(const std::vector<std::string>& args, ThrottleStep* step, std::string* error) {
  // Window, memory, tokens a millisecond, tokens at most.
  double numbers[4] = {};
  uint8_t by = 0;
  if (args[0].size() == kHeadBytes) {
    std::memcpy(numbers, args[0].data(), sizeof numbers);
    by = static_cast<uint8_t>(args[0][32]);
    step->bytes = args[0][33] != 0;
    step->exempt = static_cast<uint8_t>(args[0][34]);
  }
  const auto& [window_ms, memory_bytes, tokens_per_ms, tokens_max] = numbers;
  constexpr double kMillionthsMax = double{kThrottleTokensMax} * Throttle::kToken;
  if (!(window_ms > 0 && memory_bytes >= kReduceMemoryBytesMin && memory_bytes <= kReduceMemoryBytesMax)) {
    *error = "throttle needs a window, and memory within its bounds";
    return false;
  }
  if (!(tokens_per_ms >= 1 && tokens_per_ms <= kMillionthsMax / 1000 && tokens_max >= Throttle::kToken &&
        tokens_max <= kMillionthsMax) ||
      by > static_cast<uint8_t>(ThrottleKey::kAttribute)) {
    *error = "throttle has a rate or a burst beyond its bounds, or an unknown key";
    return false;
  }
  step->window_ms = window_ms;
  step->memory_bytes = static_cast<uint64_t>(memory_bytes);
  step->tokens_per_ms = static_cast<int64_t>(tokens_per_ms);
  step->tokens_max = static_cast<int64_t>(tokens_max);
  step->by = static_cast<ThrottleKey>(by);
  step->label = args[1];
  if (step->by != ThrottleKey::kAttribute) return true;
  step->key = AttributeFilter::Prepare(AttributeOperator::kExists, {}, {args.begin() + 2, args.end()}, error,
                                       /*prefilters=*/false);
  return step->key != nullptr;
}

uint64_t ThrottleStep::HashOf(std::string_view text, const BlockSource& source, uint64_t seed) const {
  RecordHash hash(seed);
  std::string_view found;
  switch (by) {
    case ThrottleKey::kAll:
      break;
    case ThrottleKey::kSource:
      hash.Bytes(reinterpret_cast<const char*>(source.address), source.family == 0 ? 0 : source.family == 4 ? 4 : 16);
      break;
    case ThrottleKey::kAttribute:
      if (!key->Find(text.data(), text.size(), &found)) break;
      // An empty value is a key of its own.
      hash.Byte(1);
      hash.Bytes(found.data(), found.size());
      break;
  }
  return hash.Finish();
}

}  // namespace streamgate
