// Which kernel this process runs: the widest that the processor has, or the one that STREAMGATE_SIMD names
// (scalar, v128, avx2).
#pragma once

#include <cstdint>

#include "scan/candidates.h"
#include "scan/json_escape.h"
#include "scan/json_marks.h"
#include "scan/newline.h"
#include "scan/utf8.h"
#include "scan/window.h"

namespace streamgate {

// First place in [from, end) at which the window fits whole; `end` when there is none.
using FindWindowFunction = const uint8_t* (*)(const Window& window, const uint8_t* from, const uint8_t* end);

struct Kernel {
  const char* name;
  FindWindowFunction find_window;
  FindLineEndsFunction find_line_ends;
  MarkJsonFunction mark_json;
  FindBucketsFunction find_buckets;
  FindGramsFunction find_grams;
  EscapeJsonFunction escape_json;
  IsUtf8Function is_utf8;
};

// Chosen once. A kernel that STREAMGATE_SIMD names and the processor lacks is not taken; the widest is.
const Kernel& ActiveKernel();

// All that this processor can run, narrowest first; for tests that hold them against each other.
struct Kernels {
  Kernel list[3];
  int count;
};
Kernels AvailableKernels();

inline const uint8_t* FindWindow(const Window& window, const uint8_t* from, const uint8_t* end) {
  return ActiveKernel().find_window(window, from, end);
}

inline LineEnds FindLineEnds(const uint8_t* from, const uint8_t* end, uint16_t* offsets) {
  return ActiveKernel().find_line_ends(from, end, offsets);
}

inline EscapedJson EscapeJson(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, uint8_t* to) {
  return ActiveKernel().escape_json(from, end, readable_end, to);
}

inline bool IsUtf8(const uint8_t* from, const uint8_t* end) { return ActiveKernel().is_utf8(from, end); }

inline void MarkJson(const uint8_t* from, size_t size, uint64_t* marks) { ActiveKernel().mark_json(from, size, marks); }

}  // namespace streamgate
