// Pushes records as a batch holds them into a ring: one after the other, each followed by one LF.
#pragma once

#include <cstdint>
#include <cstring>

#include "generated/layout.h"
#include "ring/ring.h"

namespace streamgate {

// Bytes of records that are put into one block at most; a longer record has a block of its own. Small enough that a
// ring of 64 KiB blocks keeps its producers and its consumer busy at once, large enough that a block's header is lost
// beside it.
constexpr uint32_t kPushedBlockBytes = 65536;

// Is this a batch of `size` bytes whose entries `from` to `to` lie in it, one after the other? Checks what PushRecords
// reads.
inline bool CheckBatch(const void* batch, size_t size, uint32_t from, uint32_t to) {
  if (size < sizeof(BatchHeader)) return false;
  const auto* header = static_cast<const BatchHeader*>(batch);
  const uint64_t data = sizeof(BatchHeader) + uint64_t{header->records_max} * sizeof(BatchEntry);
  if (data + header->bytes_max > size || header->records > header->records_max || header->bytes > header->bytes_max ||
      from > to || to > header->records)
    return false;
  const auto* entries = reinterpret_cast<const BatchEntry*>(header + 1);
  for (uint32_t i = from; i < to; ++i) {
    const uint64_t end = uint64_t{entries[i].offset} + entries[i].length + 1;
    if (end > header->bytes || (i + 1 < to && entries[i + 1].offset != end)) return false;
  }
  return true;
}

// Pushes records `from` (inclusive) to `to` (exclusive) of a batch that passed CheckBatch, as blocks of whole records.
// Returns the index at which it stopped: `to`, or less when the ring was full. A record that is larger than the whole
// ring stops it for ever: whoever makes the ring makes it larger than the largest record.
inline uint32_t PushRecords(Ring* ring, const void* batch, uint32_t from, uint32_t to, const BlockSource& source,
                            double received_at_ms) {
  const auto* header = static_cast<const BatchHeader*>(batch);
  const auto* entries = reinterpret_cast<const BatchEntry*>(header + 1);
  const char* data = reinterpret_cast<const char*>(entries + header->records_max);
  const uint32_t block_max = ring->block_bytes_max();
  while (from < to) {
    uint32_t end = from + 1;
    uint32_t bytes = entries[from].length + 1;
    while (end < to && bytes + entries[end].length + 1 <= kPushedBlockBytes &&
           Ring::BlockBytes(end - from + 1, bytes + entries[end].length + 1) <= block_max)
      bytes += entries[end++].length + 1;
    Ring::Block block;
    if (!ring->Claim(end - from, bytes, &block)) return from;
    for (uint32_t i = from; i < end; ++i) block.lengths[i - from] = entries[i].length;
    std::memcpy(block.body, data + entries[from].offset, bytes);
    ring->Commit(block, source, received_at_ms);
    from = end;
  }
  return to;
}

}  // namespace streamgate
