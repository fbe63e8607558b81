// See utf8.h.
#include "scan/utf8.h"

#include <cstring>

namespace streamgate {
namespace {

bool Continues(uint8_t c) { return (c & 0xC0) == 0x80; }

// What begins at `p`, whose byte is not ASCII: the bytes of a character, or of an error. Table 3-7 of the Unicode
// Standard, "Well-Formed UTF-8 Byte Sequences".
size_t Measure(const uint8_t* p, const uint8_t* end, bool* well_formed) {
  const uint8_t lead = *p;
  const size_t left = static_cast<size_t>(end - p);
  *well_formed = false;
  if (lead < 0xC2 || lead > 0xF4 || left < 2) return 1;
  if (lead < 0xE0) {
    *well_formed = Continues(p[1]);
    return *well_formed ? 2 : 1;
  }
  // Overlong forms, surrogates and what lies above U+10FFFF show in the second byte.
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (p[1] < low || p[1] > high) return 1;
  if (left < 3 || !Continues(p[2])) return 2;
  if (lead < 0xF0) {
    *well_formed = true;
    return 3;
  }
  if (left < 4 || !Continues(p[3])) return 3;
  *well_formed = true;
  return 4;
}

}  // namespace

const uint8_t* Utf8RunEnd(const uint8_t* p, const uint8_t* end, size_t* error_bytes) {
  *error_bytes = 0;
  while (p < end) {
    if (*p < 0x80) {
      uint64_t word;
      if (end - p < 8 || (std::memcpy(&word, p, 8), (word & 0x8080808080808080u) != 0)) {
        ++p;
      } else {
        p += 8;
      }
      continue;
    }
    bool well_formed;
    const size_t size = Measure(p, end, &well_formed);
    if (!well_formed) {
      *error_bytes = size;
      return p;
    }
    p += size;
  }
  return end;
}

bool IsUtf8Scalar(const uint8_t* from, const uint8_t* end) {
  size_t error_bytes;
  return Utf8RunEnd(from, end, &error_bytes) == end;
}

}  // namespace streamgate
