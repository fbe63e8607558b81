// What a plan may know of a record beside its bytes: the same for all records of a chunk or block. Twin of
// src/data/engine/portable/plan/record_context.ts.
#pragma once

#include "frame/source.h"

namespace streamgate {

struct RecordContext {
  BlockSource source;
  // Milliseconds since 1970.
  double received_at_ms = 0;
};

}  // namespace streamgate
