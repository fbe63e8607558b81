// Sends each record to the worker that owns its key: this worker's own run at once or go into its ring, the others' go
// into their owners' rings, gathered into blocks.
//
// Records are settled in groups of one chunk's neighbours. Of a group each owner's records move together: they are in
// its ring as one block, or none of them is. When a ring or the batch is full the group is given back to the framer,
// and what of it is settled is remembered beside the framer (GroupProgress), so that the next call settles only the
// rest: nothing is lost or doubled, and per owner (and so per key) the order is the stream's. The next group begins
// only when this one is settled. One owner's full ring therefore stops a stream at its group, but never this worker's
// own ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "frame/framer.h"
#include "generated/layout.h"
#include "plan/run.h"
#include "ring/ring.h"
#include "shard/shard_key.h"

namespace streamgate {

class Router {
 public:
  // `rings`: of every worker, by index, opened for this thread; `self`: this worker's index. At most 64 workers.
  Router(std::unique_ptr<ShardKey> key, uint32_t self, std::vector<Ring> rings);

  struct Result {
    StopCause stopped = StopCause::kNone;
    // A record is larger than its owner's whole ring, so it would wait for ever.
    bool never_fits = false;
    // Where it stopped: the chunk's size, or less; then the caller passes the same bytes again, from here.
    size_t at = 0;
    // Records that were settled here, not counting those of a group that was given back.
    uint32_t records = 0;
  };

  // Frames `chunk` from byte `from`, runs this worker's own records and pushes the others. `runner` is ready; null:
  // this worker's own go into its ring as well. After kBatchFull, a fresh batch is attached before the next call.
  Result RunChunk(Runner* runner, Framer& framer, const BlockSource& source, const char* chunk, size_t size,
                  size_t from, double received_at_ms);
  // The stream has ended: the same for what the framer holds. `at` says nothing.
  Result RunEnd(Runner* runner, Framer& framer, const BlockSource& source, double received_at_ms);

 private:
  struct Owned {
    Record record;
    uint32_t owner;
  };

  void Clear();
  bool TakesAlso(const Record& record, const GroupProgress& progress) const;
  void Add(const Record& record, const BlockSource& source);
  StopCause Settle(Runner* runner, const BlockSource& source, double received_at_ms, GroupProgress* progress,
                   bool* never_fits);
  bool Push(uint32_t owner, size_t from, const BlockSource& source, double received_at_ms, bool* never_fits);

  const std::unique_ptr<ShardKey> key_;
  const uint32_t self_;
  std::vector<Ring> rings_;
  uint32_t block_bytes_max_;

  // The group at hand; kept between calls, bounded by kGroupRecordsMax.
  std::vector<Owned> group_;
  uint64_t group_bytes_ = 0;             // an LF for each record included
  std::vector<uint32_t> owned_records_;  // by owner
  std::vector<uint32_t> order_;          // indices into group_, owner by owner, each in the stream's order
};

}  // namespace streamgate
