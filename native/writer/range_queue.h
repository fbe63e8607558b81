// What threads hand to the stream writer: ranges of batches, by reference, first in, first out, bounded.
//
// The bound is a charge: a range's bytes and a share of its batch's memory for each record, so that tiny records do not
// hold more memory than large ones. It is given back when a range is settled, not when it is taken: what is being
// written is waiting too. A mutex suffices, because a range is hundreds of records.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "plan/batch_memory.h"

namespace streamgate {

// Records `from` (inclusive) to `to` (exclusive) of a batch that the range holds.
struct BatchRange {
  BatchMemory* batch = nullptr;
  uint32_t from = 0;
  uint32_t to = 0;
  const char* data = nullptr;
  uint32_t bytes = 0;  // LFs included

  uint32_t records() const { return to - from; }
  uint64_t charge() const { return Charge(records(), bytes); }
  // 64: what a record with its entry takes of a batch that is full of the smallest (src/data/delivery/batch_pool.ts).
  static uint64_t Charge(uint64_t records, uint64_t bytes) { return bytes + 64 * records; }
};

class RangeQueue {
 public:
  // Room for ranges worth `charge_max`, and `ranges_max` of them that wait.
  RangeQueue(uint64_t charge_max, uint32_t ranges_max);
  RangeQueue(const RangeQueue&) = delete;
  // Lets go of what is left.
  ~RangeQueue();

  // Takes records `from` to `to` in as far as there is room, and holds their batch; a record that is larger than all
  // the room is taken when nothing else waits. Any thread that refers to the batch. Returns where it stopped: `to`, or
  // less; `from` for good after Close, and for a range that does not lie in the batch.
  uint32_t Push(BatchMemory* batch, uint32_t from, uint32_t to);

  // The consumer's. Take moves the oldest ranges to `taken`, at most `most`, and stops behind the one that reaches
  // `bytes`; each must be settled. With `wait` it sleeps while there are none. Returns how many; 0 after Close, after
  // Interrupt, or without `wait`.
  size_t Take(BatchRange* taken, size_t most, size_t bytes, bool wait);
  // The range has been written or lost: lets go of its batch.
  void Settle(const BatchRange& range);

  // Ends the consumer's sleep once, or its next one: it has something else to do than to take.
  void Interrupt();
  // Takes nothing more in, and ends the consumer's sleep.
  void Close();

  // What Push has taken in since the start, in records and in bytes without LFs.
  uint64_t pushed_records() const { return pushed_records_.load(std::memory_order_acquire); }
  uint64_t pushed_bytes() const { return pushed_bytes_.load(std::memory_order_relaxed); }

 private:
  uint32_t Reach(const BatchEntry* entries, uint32_t from, uint32_t to, uint64_t room) const;

  const uint64_t charge_max_;
  // Of everything that is not settled. Given back without the mutex.
  std::atomic<uint64_t> charge_{0};
  std::atomic<uint64_t> pushed_records_{0};
  std::atomic<uint64_t> pushed_bytes_{0};

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<BatchRange> ranges_;  // a circle
  size_t first_ = 0;
  size_t count_ = 0;
  bool sleeping_ = false;
  bool interrupted_ = false;
  bool closed_ = false;
};

}  // namespace streamgate
