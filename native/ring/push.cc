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
  Result result = Result::kDone;
  while (framer.Next(&record)) {
    if (!records_.empty() &&
        (body_bytes_ + record.size + 1 > kBodyBytesMax ||
         Ring::BlockBytes(records_.size() + 1, body_bytes_ + record.size + 1) > ring.block_bytes_max())) {
      result = Push(ring, source, received_at_ms);
      if (result != Result::kDone) break;
      framer.CommitBefore();
    }
    // A record that comes from the framer's own memory stays where it is until Keep, as those in the chunk do.
    records_.push_back(record);
    body_bytes_ += uint64_t{record.size} + 1;
  }
  if (result == Result::kDone && !records_.empty()) result = Push(ring, source, received_at_ms);
  if (result == Result::kDone) {
    framer.Keep();
    *at = size;
  } else {
    framer.Rollback();
    *at = framer.at();
  }
  return result;
}

Pusher::Result Pusher::PushEnd(Ring& ring, Framer& framer, const BlockSource& source, double received_at_ms) {
  Clear();
  Record record;
  if (!framer.NextEnd(&record)) return Result::kDone;
  records_.push_back(record);
  body_bytes_ = uint64_t{record.size} + 1;
  const Result result = Push(ring, source, received_at_ms);
  if (result == Result::kDone) {
    framer.Commit();
  } else {
    framer.Rollback();
  }
  return result;
}

Pusher::Result Pusher::Push(Ring& ring, const BlockSource& source, double received_at_ms) {
  Ring::Block block;
  if (Ring::BlockBytes(records_.size(), body_bytes_) > ring.capacity_bytes()) return Result::kNeverFits;
  if (!ring.Claim(static_cast<uint32_t>(records_.size()), static_cast<uint32_t>(body_bytes_), &block))
    return Result::kFull;
  char* to = block.body;
  for (size_t i = 0; i < records_.size(); ++i) {
    const Record& record = records_[i];
    block.lengths[i] = record.size;
    std::memcpy(to, record.data, record.size);
    to[record.size] = '\n';
    to += size_t{record.size} + 1;
  }
  ring.Commit(block, source, received_at_ms);
  Clear();
  return Result::kDone;
}

void Pusher::Clear() {
  records_.clear();
  body_bytes_ = 0;
}

}  // namespace streamgate
