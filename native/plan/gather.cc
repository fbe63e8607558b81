// See gather.h.
#include "plan/gather.h"

#include <algorithm>
#include <cstring>

namespace streamgate {
namespace {

// Which of an entry's two words of routes, and its bit there.
class Route {
 public:
  explicit Route(uint32_t output) : high_(output >= 32), bit_(output % 32) {}
  uint32_t TakenBy(const BatchEntry& entry) const {
    return (high_ ? entry.routes_high : entry.routes_low) >> bit_ & 1u;
  }

 private:
  bool high_;
  uint32_t bit_;
};

const BatchEntry* Entries(const void* batch) {
  return reinterpret_cast<const BatchEntry*>(static_cast<const BatchHeader*>(batch) + 1);
}

}  // namespace

Gathered CountRouted(const void* source, uint32_t from, uint32_t to, uint32_t output) {
  const BatchEntry* const entries = Entries(source);
  const Route route(output);
  Gathered gathered;
  for (uint32_t i = from; i < to; ++i) {
    const uint32_t taken = route.TakenBy(entries[i]);
    gathered.records += taken;
    gathered.bytes += uint64_t{taken} * entries[i].length;
  }
  gathered.stopped = to;
  return gathered;
}

Gathered GatherRouted(const void* source, uint32_t from, uint32_t to, uint32_t output, void* target) {
  const auto* source_header = static_cast<const BatchHeader*>(source);
  const BatchEntry* const entries = Entries(source);
  const char* const data = reinterpret_cast<const char*>(entries + source_header->records_max);
  auto* const header = static_cast<BatchHeader*>(target);
  auto* const target_entries = reinterpret_cast<BatchEntry*>(header + 1);
  char* const target_data = reinterpret_cast<char*>(target_entries + header->records_max);
  const Route route(output);
  Gathered gathered;
  uint32_t records = header->records;
  uint32_t bytes = header->bytes;
  // Neighbours are copied as one run, LFs included, when it ends.
  const char* run = nullptr;
  uint32_t run_bytes = 0;
  const auto copy_run = [&] {
    if (run_bytes > 0) std::memcpy(target_data + bytes - run_bytes, run, run_bytes);
    run_bytes = 0;
  };
  uint32_t i = from;
  for (; i < to; ++i) {
    const BatchEntry& entry = entries[i];
    if (route.TakenBy(entry) == 0) {
      copy_run();
      continue;
    }
    const uint32_t size = entry.length + 1;
    if (records == header->records_max || header->bytes_max - bytes < size) {
      gathered.need_bytes = size;
      break;
    }
    if (run_bytes == 0) run = data + entry.offset;
    run_bytes += size;
    target_entries[records++] = {bytes, entry.length, entry.routes_low, entry.routes_high};
    bytes += size;
    ++gathered.records;
    gathered.bytes += entry.length;
  }
  copy_run();
  header->records = records;
  header->bytes = bytes;
  gathered.stopped = i;
  return gathered;
}

}  // namespace streamgate
