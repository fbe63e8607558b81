// Classes of bytes, ASCII only, so that no locale and no broken UTF-8 has a say. Twin:
// src/data/engine/portable/scan/ascii.ts.
#pragma once

namespace streamgate {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool IsLetter(char c) { return IsUpper(static_cast<char>(c & ~0x20)); }
constexpr bool IsAlnum(char c) { return IsDigit(c) || IsLetter(c); }
constexpr bool IsHex(char c) {
  return IsDigit(c) || (static_cast<char>(c | 0x20) >= 'a' && static_cast<char>(c | 0x20) <= 'f');
}
// White space of JSON (RFC 8259 section 2).
constexpr bool IsJsonSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr char Lower(char c) { return IsUpper(c) ? static_cast<char>(c | 0x20) : c; }

}  // namespace streamgate
