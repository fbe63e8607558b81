// Classes of bytes that detectors ask for; ASCII only, so that no locale and no broken UTF-8 has a say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace streamgate::detect {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
inline bool IsLetter(char c) { return IsUpper(static_cast<char>(c & ~0x20)); }
inline bool IsAlnum(char c) { return IsDigit(c) || IsLetter(c); }
inline bool IsHex(char c) {
  return IsDigit(c) || (static_cast<char>(c | 0x20) >= 'a' && static_cast<char>(c | 0x20) <= 'f');
}
inline bool IsBase64Url(char c) { return IsAlnum(c) || c == '-' || c == '_'; }
// Part of a character beyond ASCII.
inline bool IsBeyondAscii(char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }
inline char Lower(char c) { return IsUpper(c) ? static_cast<char>(c | 0x20) : c; }

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
