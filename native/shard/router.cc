// See router.h.
#include "shard/router.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "shard/hash.h"

namespace streamgate {
namespace {

// Most bytes of records in a group of several, LFs included: as in a block of ring/push.cc.
constexpr uint64_t kGroupBytesMax = 64 * 1024;
constexpr size_t kGroupRecordsMax = 4096;

}  // namespace

Router::Router(std::unique_ptr<ShardKey> key, uint32_t self, std::vector<Ring> rings)
    : key_(std::move(key)), self_(self), rings_(std::move(rings)), block_bytes_max_(UINT32_MAX) {
  for (const Ring& ring : rings_) block_bytes_max_ = std::min(block_bytes_max_, ring.block_bytes_max());
  owned_records_.resize(rings_.size());
  group_.reserve(kGroupRecordsMax);
  order_.reserve(kGroupRecordsMax);
}

Router::Result Router::RunChunk(Runner* runner, Framer& framer, const BlockSource& source, const char* chunk,
                                size_t size, size_t from, double received_at_ms) {
  framer.Begin(chunk, size, from);
  const RecordContext context = {source, received_at_ms};
  if (runner != nullptr) runner->Begin(chunk + from, chunk + size, &context);
  Result result;
  Clear();
  Record record;
  for (;;) {
    const bool more = framer.Next(&record);
    if (more && TakesAlso(record, framer.progress)) {
      Add(record, source);
      continue;
    }
    if (!group_.empty()) {
      result.stopped = Settle(runner, source, received_at_ms, &framer.progress, &result.never_fits);
      if (result.stopped != StopCause::kNone) break;
      result.records += static_cast<uint32_t>(group_.size());
      Clear();
    }
    if (!more) break;
    framer.CommitBefore();
    Add(record, source);
  }
  if (runner != nullptr) runner->Flush();
  if (result.stopped == StopCause::kNone) {
    framer.Keep();
    result.at = size;
  } else {
    framer.Rollback();
    result.at = framer.at();
  }
  return result;
}

Router::Result Router::RunEnd(Runner* runner, Framer& framer, const BlockSource& source, double received_at_ms) {
  Result result;
  Record record;
  if (!framer.NextEnd(&record)) return result;
  Clear();
  Add(record, source);
  const RecordContext context = {source, received_at_ms};
  if (runner != nullptr) runner->Begin(nullptr, nullptr, &context);
  result.stopped = Settle(runner, source, received_at_ms, &framer.progress, &result.never_fits);
  if (runner != nullptr) runner->Flush();
  if (result.stopped == StopCause::kNone) {
    framer.Commit();
    result.records = 1;
  } else {
    framer.Rollback();
  }
  return result;
}

void Router::Clear() {
  group_.clear();
  group_bytes_ = 0;
  std::fill(owned_records_.begin(), owned_records_.end(), 0);
}

// A group that was given back ends where it ended before, whatever has come behind it since.
bool Router::TakesAlso(const Record& record, const GroupProgress& progress) const {
  if (progress.records != 0) return group_.size() < progress.records;
  if (group_.empty()) return true;
  const uint64_t bytes = group_bytes_ + record.size + 1;
  return group_.size() < kGroupRecordsMax && bytes <= kGroupBytesMax &&
         Ring::BlockBytes(group_.size() + 1, bytes) <= block_bytes_max_;
}

void Router::Add(const Record& record, const BlockSource& source) {
  const uint32_t owner = ShardOwner(key_->Hash(record.data, record.size, source), static_cast<uint32_t>(rings_.size()));
  group_.push_back({record, owner});
  group_bytes_ += uint64_t{record.size} + 1;
  ++owned_records_[owner];
}

// Moves every record of the group that is not settled yet, as far as there is room.
StopCause Router::Settle(Runner* runner, const BlockSource& source, double received_at_ms, GroupProgress* progress,
                         bool* never_fits) {
  uint32_t starts[64];
  uint32_t places[64];
  for (uint32_t owner = 0, at = 0; owner < rings_.size(); ++owner) {
    starts[owner] = places[owner] = at;
    at += owned_records_[owner];
  }
  order_.resize(group_.size());
  for (uint32_t i = 0; i < group_.size(); ++i) order_[places[group_[i].owner]++] = i;

  bool ring_full = false;
  for (uint32_t owner = 0; owner < rings_.size(); ++owner) {
    if (owner == self_ || owned_records_[owner] == 0 || (progress->owners >> owner & 1) != 0) continue;
    if (Push(owner, starts[owner], source, received_at_ms, never_fits)) {
      progress->owners |= uint64_t{1} << owner;
    } else {
      ring_full = true;
    }
  }
  bool batch_full = false;
  const uint32_t own = owned_records_[self_];
  if (runner == nullptr) {
    if (progress->own < own) {
      const uint32_t from = starts[self_] + progress->own;
      owned_records_[self_] = own - progress->own;
      if (Push(self_, from, source, received_at_ms, never_fits)) {
        progress->own = own;
      } else {
        ring_full = true;
      }
      owned_records_[self_] = own;
    }
  } else {
    while (progress->own < own && !batch_full) {
      if (runner->Run(group_[order_[starts[self_] + progress->own]].record)) {
        ++progress->own;
      } else {
        batch_full = true;
      }
    }
  }
  if (!batch_full && !ring_full) {
    *progress = GroupProgress();
    return StopCause::kNone;
  }
  progress->records = static_cast<uint32_t>(group_.size());
  return batch_full ? StopCause::kBatchFull : StopCause::kRingFull;
}

// Pushes the owner's records as one block, from place `from` in order_ on.
bool Router::Push(uint32_t owner, size_t from, const BlockSource& source, double received_at_ms, bool* never_fits) {
  Ring& ring = rings_[owner];
  const uint32_t count = owned_records_[owner];
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count; ++i) bytes += uint64_t{group_[order_[from + i]].record.size} + 1;
  Ring::Block block;
  if (Ring::BlockBytes(count, bytes) > ring.capacity_bytes()) {
    *never_fits = true;
    return false;
  }
  if (!ring.Claim(count, static_cast<uint32_t>(bytes), &block)) return false;
  char* to = block.body;
  for (uint32_t i = 0; i < count; ++i) {
    const Record& record = group_[order_[from + i]].record;
    block.lengths[i] = record.size;
    std::memcpy(to, record.data, record.size);
    to[record.size] = '\n';
    to += size_t{record.size} + 1;
  }
  ring.Commit(block, source, received_at_ms);
  return true;
}

}  // namespace streamgate
