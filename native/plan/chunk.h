// Frames a chunk of one stream and runs a plan over its records: what every source of bytes that is read in place does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frame/framer.h"
#include "plan/run.h"

namespace streamgate {

struct ChunkRun {
  // Where it stopped: the chunk's size, or less when the batch was full. Then the caller attaches another and passes
  // the same bytes again, from here.
  size_t at = 0;
  // Records that were settled.
  uint32_t records = 0;
};

// Runs the whole records of `chunk` from byte `from` on, which came as `context` says; an unfinished one is kept by the
// framer. `runner` is ready.
ChunkRun RunChunk(Runner& runner, Framer& framer, const RecordContext& context, const char* chunk, size_t size,
                  size_t from);

// The stream has ended: runs what the framer holds, if that makes a record. False: the batch was full; call again.
bool RunEnd(Runner& runner, Framer& framer, const RecordContext& context);

}  // namespace streamgate
