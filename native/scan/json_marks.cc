// See json_marks.h.
#include "scan/json_marks.h"

#include <cstring>

#include "scan/bytes64.h"

namespace streamgate {
namespace {

// Inlined into each kernel, so that it is compiled for that kernel's instructions.
template <typename Vector>
[[gnu::always_inline]] inline void MarkJsonWith(const uint8_t* from, size_t size, uint64_t* marks) {
  const size_t whole = size / 64;
  for (size_t i = 0; i < whole; ++i) marks[i] = Vector::Load(from + 64 * i).JsonMarks();
  const size_t rest = size % 64;
  uint64_t bits = 0;
  if (rest > 0 && whole > 0) {
    // A step that ends where the bytes end; those that were seen already fall off.
    bits = Vector::Load(from + size - 64).JsonMarks() >> (64 - rest);
  } else if (rest > 0) {
    uint8_t padded[64] = {};
    std::memcpy(padded, from, rest);
    bits = Vector::Load(padded).JsonMarks();
  }
  marks[whole] = bits | ~uint64_t{0} << rest;
  marks[whole + 1] = ~uint64_t{0};
}

}  // namespace

void MarkJsonScalar(const uint8_t* from, size_t size, uint64_t* marks) {
  MarkJsonWith<Bytes64Scalar>(from, size, marks);
}

#if defined(__x86_64__) || defined(__aarch64__)
void MarkJsonV128(const uint8_t* from, size_t size, uint64_t* marks) { MarkJsonWith<Bytes64V128>(from, size, marks); }
#endif

#if defined(__x86_64__)
STREAMGATE_AVX2 void MarkJsonAvx2(const uint8_t* from, size_t size, uint64_t* marks) {
  MarkJsonWith<Bytes64Avx2>(from, size, marks);
}
#endif

}  // namespace streamgate
