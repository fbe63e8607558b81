// See withheld.h.
#include "plan/withheld.h"

#include <algorithm>
#include <cstring>

namespace streamgate {

const char* WithheldWriter::Check(const void* memory, size_t size) {
  if (reinterpret_cast<uintptr_t>(memory) % alignof(WithheldHeader) != 0) return "it is not aligned to 8 bytes";
  if (size < sizeof(WithheldHeader)) return "it is shorter than its header";
  const auto* header = static_cast<const WithheldHeader*>(memory);
  if (sizeof(WithheldHeader) + uint64_t{header->bytes_max} != size) return "its size is not the one in its header";
  if (header->bytes_max % 8 != 0 || header->bytes % 8 != 0) return "its entries are not aligned";
  if (header->bytes > header->bytes_max) return "it is more than full";
  return nullptr;
}

void WithheldWriter::Attach(void* memory) {
  header_ = static_cast<WithheldHeader*>(memory);
  bytes_max_ = header_ == nullptr ? 0 : header_->bytes_max;
}

bool WithheldWriter::Append(const Record& record, uint32_t rule, QuarantineCause cause, const RecordContext& context) {
  if (header_ == nullptr) return true;
  const uint64_t need = sizeof(WithheldEntry) + ((uint64_t{record.size} + 7) & ~uint64_t{7});
  // Its owner empties it between two calls.
  const uint32_t at = std::min(header_->bytes & ~7u, bytes_max_);
  if (need > bytes_max_ - at) {
    header_->need_bytes = static_cast<uint32_t>(need);
    return false;
  }
  char* const to = reinterpret_cast<char*>(header_ + 1) + at;
  WithheldEntry entry = {};
  entry.received_at_ms = context.received_at_ms;
  std::memcpy(entry.address, context.source.address, sizeof(entry.address));
  entry.length = record.size;
  entry.rule = rule;
  entry.transport = static_cast<uint8_t>(context.source.transport);
  entry.family = context.source.family;
  entry.cause = static_cast<uint8_t>(cause);
  // The whole last word first: what is padding is zero.
  std::memset(to + need - 8, 0, 8);
  std::memcpy(to, &entry, sizeof(entry));
  if (record.size > 0) std::memcpy(to + sizeof(entry), record.data, record.size);
  header_->bytes = at + static_cast<uint32_t>(need);
  ++header_->records;
  return true;
}

}  // namespace streamgate
