// The search for a window, written once over a vector of bytes. scalar.cc, v128.cc and avx2.cc each compile it for one
// kind of vector; dispatch.cc picks one when the process starts. All give the same answer.
//
// Whoever includes this defines STREAMGATE_TARGET, the attribute that lets a function use the vectors' instructions.
//
// V has: kBytes; Load(p); Prepare(shuffle tables) → Tables in registers; Member(v, tables) → a vector whose members'
// bytes are all ones, others zero; And(a, b); Mask(v) → bit i set where byte i is not zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "scan/window.h"

namespace streamgate {

template <typename V, size_t kProbes>
STREAMGATE_TARGET inline const uint8_t* FindWindowProbing(const Window& window, const uint8_t* from,
                                                          const uint8_t* end) {
  const size_t size = window.size();
  const uint8_t* p = from;
  // Out of the loop, so that they stay in registers.
  typename V::Tables tables[kProbes];
  size_t offsets[kProbes];
  for (size_t i = 0; i < kProbes; ++i) {
    tables[i] = V::Prepare(window.probes()[i].tables);
    offsets[i] = window.probes()[i].offset;
  }
  // A step reads kBytes from each probe's offset on, so it needs kBytes + size - 1 readable bytes.
  while (static_cast<size_t>(end - p) >= V::kBytes + size) {
    auto fits = V::Member(V::Load(p + offsets[0]), tables[0]);
    for (size_t i = 1; i < kProbes; ++i) fits = V::And(fits, V::Member(V::Load(p + offsets[i]), tables[i]));
    for (uint32_t mask = V::Mask(fits); mask != 0; mask &= mask - 1) {
      const uint8_t* const at = p + __builtin_ctz(mask);
      if (window.FitsAt(at)) return at;
    }
    p += V::kBytes;
  }
  if (static_cast<size_t>(end - p) < size) return end;
  for (const uint8_t* const last = end - size; p <= last; ++p)
    if (window.FitsAt(p)) return p;
  return end;
}

// Members of 32 bytes at `p`, one bit each.
template <typename V>
STREAMGATE_TARGET inline uint64_t Members32(const uint8_t* p, const typename V::Tables& tables) {
  uint64_t mask = 0;
  for (size_t i = 0; i < 32; i += V::kBytes) mask |= uint64_t{V::Mask(V::Member(V::Load(p + i), tables))} << i;
  return mask;
}

// A run of one set fits nearly wherever its probes fit, so probing would compare byte by byte; here the bits of 64
// neighbours are folded until only the starts of runs that are long enough are left.
template <typename V>
STREAMGATE_TARGET inline const uint8_t* FindRunWith(const Window& window, const uint8_t* from, const uint8_t* end) {
  const size_t size = window.size();
  const uint8_t* p = from;
  if (static_cast<size_t>(end - p) >= 64) {
    const typename V::Tables tables = V::Prepare(window.probes()[0].tables);
    uint64_t ahead = Members32<V>(p, tables);
    for (; static_cast<size_t>(end - p) >= 64; p += 32) {
      uint64_t runs = ahead;
      ahead = Members32<V>(p + 32, tables);
      runs |= ahead << 32;
      for (size_t length = 1; length < size;) {
        const size_t more = length < size - length ? length : size - length;
        runs &= runs >> more;
        length += more;
      }
      // Bits from 32 on are seen whole in the next step. A run of kBytesMax that starts below 32 ends below 64.
      static_assert(Window::kBytesMax <= 32, "a run must end within the 64 bytes that are seen");
      if (static_cast<uint32_t>(runs) != 0) return p + __builtin_ctz(static_cast<uint32_t>(runs));
    }
  }
  if (static_cast<size_t>(end - p) < size) return end;
  for (const uint8_t* const last = end - size; p <= last; ++p)
    if (window.FitsAt(p)) return p;
  return end;
}

template <typename V>
STREAMGATE_TARGET inline const uint8_t* FindWindowWith(const Window& window, const uint8_t* from, const uint8_t* end) {
  if (window.is_run()) return FindRunWith<V>(window, from, end);
  switch (window.probes().size()) {
    case 1:
      return FindWindowProbing<V, 1>(window, from, end);
    case 2:
      return FindWindowProbing<V, 2>(window, from, end);
    default:
      static_assert(Window::kProbesMax == 3);
      return FindWindowProbing<V, 3>(window, from, end);
  }
}

}  // namespace streamgate
