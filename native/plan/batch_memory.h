// The memory of a batch that threads share by reference: the engine fills it, the stream writer sends ranges of it, and
// it goes when nobody refers to it any more, whichever thread that is. So it outlives the worker that made it.
//
// Two counts, since two questions are asked. References: when is the memory freed? Holders, in the batch's own header
// where JavaScript reads it: is somebody still reading what was handed out, or may the batch be cleared and filled
// again?
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "generated/layout.h"

namespace streamgate {

class BatchMemory {
 public:
  // An empty batch with one reference, the caller's. Null: the system has no memory for it.
  static BatchMemory* Create(uint32_t records_max, uint32_t bytes_max);
  // The batch whose memory begins at `data`, which Create made.
  static BatchMemory* Of(void* data) {
    return reinterpret_cast<BatchMemory*>(static_cast<char*>(data) - kControlBytes);
  }

  void* data() { return reinterpret_cast<char*>(this) + kControlBytes; }
  size_t size() const { return size_; }
  // As Create was told: whatever JavaScript writes into the header, these keep readers inside the memory.
  uint32_t records_max() const { return records_max_; }
  uint32_t bytes_max() const { return bytes_max_; }
  BatchHeader* header() { return static_cast<BatchHeader*>(data()); }
  const BatchEntry* entries() { return reinterpret_cast<const BatchEntry*>(header() + 1); }
  const char* records() { return reinterpret_cast<const char*>(entries() + records_max_); }

  void Refer() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release();
  // Refers to it as one who reads a range; any thread that refers to it already.
  void Hold();
  // Ends a Hold. What was read before happens before whatever its filler does after it has seen the count.
  void LetGo();
  uint32_t holders();

  // Batches that are there now, for tests.
  static size_t alive();

 private:
  // In front of the batch, in the same piece of memory; a cache line, so that the batch begins on one.
  static constexpr size_t kControlBytes = 64;

  BatchMemory(uint32_t records_max, uint32_t bytes_max, size_t size)
      : records_max_(records_max), bytes_max_(bytes_max), size_(size) {}

  std::atomic<uint32_t> references_{1};
  uint32_t records_max_;
  uint32_t bytes_max_;
  size_t size_;
};

}  // namespace streamgate
