// Frames bytes and pushes whole records into a ring, as blocks of at most 64 KiB of records, or of one larger record.
#pragma once

#include <cstdint>
#include <vector>

#include "frame/framer.h"
#include "ring/ring.h"

namespace streamgate {

class Pusher {
 public:
  enum class Result { kDone, kFull, kNeverFits };

  // Pushes the records of `chunk` from byte `*at` on; moves `*at` to where it stopped. kFull: call again from there.
  // kNeverFits: a record is larger than the whole ring; it was given back like one that finds the ring full.
  Result PushChunk(Ring& ring, Framer& framer, const char* chunk, size_t size, const BlockSource& source,
                   double received_at_ms, size_t* at);
  // Pushes what the framer holds at the end of its stream.
  Result PushEnd(Ring& ring, Framer& framer, const BlockSource& source, double received_at_ms);

 private:
  Result Push(Ring& ring, const BlockSource& source, double received_at_ms);
  void Clear();

  // The block at hand; kept between calls, bounded by kBodyBytesMax.
  std::vector<Record> records_;
  uint64_t body_bytes_ = 0;
};

}  // namespace streamgate
