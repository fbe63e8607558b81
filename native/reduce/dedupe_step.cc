// See dedupe_step.h.
#include "reduce/dedupe_step.h"

#include <cstring>

#include "reduce/mask.h"

namespace streamgate {
namespace {

constexpr size_t kHeadBytes = 17;
// Behind each field, so that none runs into the next: no UTF-8 holds it.
constexpr uint8_t kFieldEnd = 0xff;

// A field's places: each a length (u32) and a path. False: the lengths do not fit.
bool ReadPaths(std::string_view bytes, std::vector<std::string>* paths) {
  while (!bytes.empty()) {
    uint32_t size = 0;
    if (bytes.size() < sizeof size) return false;
    std::memcpy(&size, bytes.data(), sizeof size);
    bytes.remove_prefix(sizeof size);
    if (size > bytes.size()) return false;
    paths->emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return true;
}

}  // namespace

bool DedupeStep::Prepare(const std::vector<std::string>& args, DedupeStep* step, std::string* error) {
  double memory_bytes = 0;
  if (args[0].size() == kHeadBytes) {
    std::memcpy(&step->window_ms, args[0].data(), 8);
    std::memcpy(&memory_bytes, args[0].data() + 8, 8);
    step->masks = args[0][16] != 0;
  }
  if (!(step->window_ms > 0 && memory_bytes >= kReduceMemoryBytesMin && memory_bytes <= kReduceMemoryBytesMax)) {
    *error = "dedupe needs a window, and memory within its bounds";
    return false;
  }
  step->memory_bytes = static_cast<uint64_t>(memory_bytes);
  step->label = args[1];
  for (size_t i = 2; i < args.size(); ++i) {
    std::vector<std::string> paths;
    if (!ReadPaths(args[i], &paths)) {
      *error = "a field of dedupe has path lengths that do not fit its bytes";
      return false;
    }
    step->fields.push_back(
        AttributeFilter::Prepare(AttributeOperator::kExists, {}, paths, error, /*prefilters=*/false));
    if (step->fields.back() == nullptr) return false;
  }
  return true;
}

bool DedupeStep::HashOf(std::string_view text, uint64_t seed, uint64_t* hash) const {
  RecordHash record(seed);
  const auto take = [&](std::string_view part) {
    if (masks) {
      HashMasked(part, &record);
    } else {
      record.Bytes(part.data(), part.size());
    }
  };
  bool any = fields.empty();
  if (any) take(text);
  for (const auto& field : fields) {
    std::string_view found;
    const bool has = field->Find(text.data(), text.size(), &found);
    record.Byte(has ? 1 : 0);
    if (has) take(found);
    record.Byte(kFieldEnd);
    any |= has;
  }
  *hash = record.Finish();
  return any;
}

}  // namespace streamgate
