// Bytes of a text as detectors ask for them: beyond its ends, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "scan/ascii.h"

namespace streamgate::detect {

using streamgate::IsAlnum;
using streamgate::IsDigit;
using streamgate::IsHex;
using streamgate::IsLetter;
using streamgate::IsLower;
using streamgate::IsUpper;
using streamgate::Lower;

inline bool IsBase64Url(char c) { return IsAlnum(c) || c == '-' || c == '_'; }
// Part of a character beyond ASCII.
inline bool IsBeyondAscii(char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }

// The byte at `at`, 0 beyond the text's ends. `at` may be the place before the first byte (SIZE_MAX).
inline char ByteAt(std::string_view text, size_t at) { return at < text.size() ? text[at] : '\0'; }
// The byte `back` bytes before `at`; 0 where there is none.
inline char ByteBefore(std::string_view text, size_t at, size_t back = 1) {
  return back <= at ? text[at - back] : '\0';
}

// Where the digits that begin at `at` end.
inline size_t DigitsEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

}  // namespace streamgate::detect
