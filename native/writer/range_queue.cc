// See range_queue.h.
#include "writer/range_queue.h"

#include <algorithm>

namespace streamgate {

RangeQueue::RangeQueue(uint64_t charge_max, uint32_t ranges_max)
    : charge_max_(charge_max), ranges_(std::max<uint32_t>(1, ranges_max)) {}

RangeQueue::~RangeQueue() {
  for (size_t i = 0; i < count_; ++i) ranges_[(first_ + i) % ranges_.size()].batch->LetGo();
}

// Up to which record a range from `from` is worth no more than `room`: a binary search over where records start.
uint32_t RangeQueue::Reach(const BatchEntry* entries, uint32_t from, uint32_t to, uint64_t room) const {
  const auto end = [entries](uint32_t record) { return uint64_t{entries[record].offset} + entries[record].length + 1; };
  uint32_t low = from;
  uint32_t high = to;
  while (low < high) {
    const uint32_t middle = low + (high - low + 1) / 2;
    if (BatchRange::Charge(middle - from, end(middle - 1) - entries[from].offset) <= room)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

uint32_t RangeQueue::Push(BatchMemory* batch, uint32_t from, uint32_t to) {
  const BatchEntry* const entries = batch->entries();
  if (from >= to || to > batch->records_max()) return from;
  bool wake;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return from;
    // Acquire is not needed: what Settle gave back is a number, the memory behind it is the batch's own affair.
    const uint64_t charge = charge_.load(std::memory_order_relaxed);
    to = Reach(entries, from, to, charge < charge_max_ ? charge_max_ - charge : 0);
    if (to == from && charge == 0) ++to;
    if (to == from) return from;
    const uint64_t begin = entries[from].offset;
    const uint64_t end = uint64_t{entries[to - 1].offset} + entries[to - 1].length + 1;
    if (begin >= end || end > batch->bytes_max()) return from;
    const BatchRange range{batch, from, to, batch->records() + begin, static_cast<uint32_t>(end - begin)};
    BatchRange* const last = count_ == 0 ? nullptr : &ranges_[(first_ + count_ - 1) % ranges_.size()];
    if (last != nullptr && last->batch == batch && last->to == from && last->data + last->bytes == range.data) {
      // Its neighbour still waits: one range, one hold.
      last->to = to;
      last->bytes += range.bytes;
    } else {
      if (count_ == ranges_.size()) return from;
      batch->Hold();
      ranges_[(first_ + count_++) % ranges_.size()] = range;
    }
    charge_.fetch_add(range.charge(), std::memory_order_relaxed);
    // Bytes first: whoever sees all records counted finds their bytes counted too. Under the mutex, so that nothing is
    // settled before it was counted.
    pushed_bytes_.fetch_add(range.bytes - range.records(), std::memory_order_relaxed);
    pushed_records_.fetch_add(range.records(), std::memory_order_release);
    wake = sleeping_;
    sleeping_ = false;
  }
  if (wake) arrived_.notify_one();
  return to;
}

size_t RangeQueue::Take(BatchRange* taken, size_t most, size_t bytes, bool wait) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (wait && count_ == 0 && !closed_ && !interrupted_) {
    sleeping_ = true;
    arrived_.wait(lock);
  }
  sleeping_ = false;
  interrupted_ = false;
  size_t took = 0;
  if (closed_ && wait) return 0;
  for (size_t sum = 0; took < most && count_ > 0 && sum < bytes; --count_) {
    taken[took] = ranges_[first_];
    sum += taken[took++].bytes;
    first_ = (first_ + 1) % ranges_.size();
  }
  return took;
}

void RangeQueue::Settle(const BatchRange& range) {
  range.batch->LetGo();
  charge_.fetch_sub(range.charge(), std::memory_order_relaxed);
}

void RangeQueue::Interrupt() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    interrupted_ = true;
  }
  arrived_.notify_all();
}

void RangeQueue::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
}

}  // namespace streamgate
