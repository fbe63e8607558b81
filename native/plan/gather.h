// The records of a range that go to one output: counts them, or copies them into a batch of their own. Entries tell
// where each goes (routes_low, routes_high).
#pragma once

#include <cstdint>

#include "generated/layout.h"

namespace streamgate {

// Outputs that an entry's routes tell apart.
constexpr uint32_t kRouteOutputsMax = 64;

struct Gathered {
  uint32_t stopped = 0;     // the index at which it stopped
  uint32_t records = 0;     // of those before, that go to the output
  uint64_t bytes = 0;       // theirs, without LFs
  uint32_t need_bytes = 0;  // stopped by a full target: bytes that the next one needs there, its LF included
};

// Of records `from` to `to` of a batch that passed CheckBatch (ring/push_records.h), those that go to `output`.
Gathered CountRouted(const void* source, uint32_t from, uint32_t to, uint32_t output);
// Appends them to `target`, another batch, which passed BatchWriter::Check. They keep their routes.
Gathered GatherRouted(const void* source, uint32_t from, uint32_t to, uint32_t output, void* target);

}  // namespace streamgate
