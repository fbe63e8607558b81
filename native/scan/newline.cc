// See newline.h.
#include "scan/newline.h"

#include <algorithm>
#include <cstring>

#include "scan/bytes64.h"

namespace streamgate {
namespace {

constexpr size_t kStepBytes = 64;

// Adds the places of the bits that are set. The first is written whether there is one or not: the next overwrites it.
inline size_t List(uint64_t bits, size_t at, uint16_t* offsets, size_t count) {
  offsets[count] = static_cast<uint16_t>(at + static_cast<size_t>(__builtin_ctzll(bits | uint64_t{1} << 63)));
  count += bits != 0 ? 1 : 0;
  for (bits &= bits - 1; bits != 0; bits &= bits - 1)
    offsets[count++] = static_cast<uint16_t>(at + static_cast<size_t>(__builtin_ctzll(bits)));
  return count;
}

// Inlined into each kernel, so that it is compiled for that kernel's instructions.
template <typename Vector>
[[gnu::always_inline]] inline LineEnds FindLineEndsWith(const uint8_t* from, const uint8_t* end, uint16_t* offsets) {
  const size_t size = std::min(static_cast<size_t>(end - from), kLineEndsSpanBytes);
  size_t count = 0;
  size_t at = 0;
  for (; size - at >= kStepBytes && count <= kLineEndsMax - kStepBytes; at += kStepBytes)
    count = List(Vector::Load(from + at).Equal('\n'), at, offsets, count);
  const size_t rest = size - at;
  if (rest > 0 && rest < kStepBytes && count <= kLineEndsMax - kStepBytes) {
    uint64_t bits;
    if (at > 0) {
      // A step that ends where the bytes end; those that were seen already fall off.
      bits = Vector::Load(from + size - kStepBytes).Equal('\n') >> (kStepBytes - rest);
    } else {
      uint8_t padded[kStepBytes] = {};
      std::memcpy(padded, from, rest);
      bits = Vector::Load(padded).Equal('\n');
    }
    count = List(bits, at, offsets, count);
    at = size;
  }
  return {static_cast<uint32_t>(count), static_cast<uint32_t>(at)};
}

}  // namespace

// The C library's search: where vectors are not ours to use, it may still know some.
LineEnds FindLineEndsScalar(const uint8_t* from, const uint8_t* end, uint16_t* offsets) {
  const size_t size = std::min(static_cast<size_t>(end - from), kLineEndsSpanBytes);
  size_t at = 0;
  uint32_t count = 0;
  while (at < size && count < kLineEndsMax) {
    const void* found = std::memchr(from + at, '\n', size - at);
    if (found == nullptr) {
      at = size;
      break;
    }
    at = static_cast<size_t>(static_cast<const uint8_t*>(found) - from);
    offsets[count++] = static_cast<uint16_t>(at++);
  }
  return {count, static_cast<uint32_t>(at)};
}

#if defined(__x86_64__) || defined(__aarch64__)
LineEnds FindLineEndsV128(const uint8_t* from, const uint8_t* end, uint16_t* offsets) {
  return FindLineEndsWith<Bytes64V128>(from, end, offsets);
}
#endif

#if defined(__x86_64__)
STREAMGATE_AVX2 LineEnds FindLineEndsAvx2(const uint8_t* from, const uint8_t* end, uint16_t* offsets) {
  return FindLineEndsWith<Bytes64Avx2>(from, end, offsets);
}
#endif

}  // namespace streamgate
