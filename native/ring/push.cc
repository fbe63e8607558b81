// See push.h.
#include "ring/push.h"

#include <cstring>

namespace streamgate {
namespace {

// Most bytes of records in a block of several, LFs included: a block is what one turn of the consumer takes.
constexpr uint64_t kBodyBytesMax = 64 * 1024;

}  // namespace

Pusher::Result Pusher::PushChunk(Ring& ring, Framer& framer, const char* chunk, size_t size, const BlockSource& source,
                                 double received_at_ms, size_t* at) {
  Clear();
  framer.Begin(chunk, size, *at);
  Record record;
  bool more = framer.Next(&record);
  while (more) {
    // A block takes the record at hand, and more as long as they fit. A record that comes from the framer's carry stays where
    // it is until the block is pushed, as those in the chunk do.
    do {
      Add(record);
      const size_t before = framer.at();
      more = framer.Next(&record);
      if (more && (body_bytes_ + record.size + 1 > kBodyBytesMax ||
                   Ring::BlockBytes(records_.size() + 1, body_bytes_ + record.size + 1) > ring.block_bytes_max())) {
        if (!Push(ring, source, received_at_ms)) break;
        // The record that Next found already is in the next block: give it back and find it again.
        framer.CommitBefore(before);
        framer.Begin(chunk, size, before);
        more = framer.Next(&record);
      }
    } while (more);
    if (records_.empty()) break;
    if (!more && Push(ring, source, received_at_ms)) break;
    framer.Rollback();
    *at = framer.at();
    const bool never = records_.size() == 1 && Ring::BlockBytes(1, body_bytes_) > ring.capacity_bytes();
    Clear();
    return never ? Result::kNeverFits : Result::kFull;
  }
  framer.Keep();
  *at = size;
  return Result::kDone;
}

}  // namespace streamgate
