// Where the next line ends are: 64 bytes at a time to a bitmap, the bitmap to a short list of places.
//
// A list, not the bitmap, because whoever walks a bitmap of 187-byte lines guesses wrongly at every line how many of
// its words are empty; filling the list has no branch for lines of 64 bytes and more. One call serves dozens of lines,
// where a memchr a line pays its set-up each time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace streamgate {

// Places that one call lists at most. 64 of them are left free before each step, because a step may fill as many.
constexpr size_t kLineEndsMax = 128;
// Bytes that one call looks at, at most: what it has seen is still in the first cache when the lines are copied, and
// places fit 16 bits.
constexpr size_t kLineEndsSpanBytes = 8192;
static_assert(kLineEndsSpanBytes % 64 == 0 && kLineEndsSpanBytes <= 65536);

struct LineEnds {
  // Places listed.
  uint32_t count;
  // Bytes looked at: all LFs in them are listed. Not 0 unless there are none.
  uint32_t bytes;
};

// Lists the LFs from `from` on, as offsets, ascending. `offsets` has room for kLineEndsMax; what lies behind `count` is
// undefined.
using FindLineEndsFunction = LineEnds (*)(const uint8_t* from, const uint8_t* end, uint16_t* offsets);

LineEnds FindLineEndsScalar(const uint8_t* from, const uint8_t* end, uint16_t* offsets);
LineEnds FindLineEndsV128(const uint8_t* from, const uint8_t* end, uint16_t* offsets);
LineEnds FindLineEndsAvx2(const uint8_t* from, const uint8_t* end, uint16_t* offsets);

}  // namespace streamgate
