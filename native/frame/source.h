// Where records come from: what a framer is told, and what a block in a ring says. Twin of src/data/frame/source.ts.
#pragma once

#include <cstdint>

#include "generated/layout.h"

namespace streamgate {

// Where a block's records came from; the same for all of them.
struct BlockSource {
  Transport transport = Transport::kTcp;
  uint8_t family = 0;  // 4, 6, or 0: unknown or several
  uint16_t port = 0;
  uint8_t address[16] = {};
};

}  // namespace streamgate
