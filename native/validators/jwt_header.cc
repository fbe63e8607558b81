// See jwt_header.h.
#include "validators/jwt_header.h"

#include <cstddef>
#include <cstdint>

namespace streamgate::validators {
namespace {

uint32_t Sextet(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<uint32_t>(c - 'a') + 26;
  if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0') + 52;
  return c == '-' || c == '+' ? 62 : 63;
}

// The byte at `index` of what `part` decodes to.
uint8_t DecodedByte(std::string_view part, size_t index) {
  const size_t bit = index * 8;
  const size_t at = bit / 6;
  const uint32_t two = Sextet(part[at]) << 6 | Sextet(part[at + 1]);
  return static_cast<uint8_t>(two >> (4 - bit % 6));
}

}  // namespace

bool IsJwtHeader(std::string_view part) {
  if (part.size() % 4 == 1) return false;
  const size_t size = part.size() * 6 / 8;
  constexpr std::string_view kName = "\"alg\"";
  if (size < kName.size() + 4 || DecodedByte(part, 0) != '{' || DecodedByte(part, size - 1) != '}') return false;
  size_t matched = 0;
  bool named = false;
  for (size_t i = 1; i < size; ++i) {
    const char c = static_cast<char>(DecodedByte(part, i));
    // Control characters are in no JSON but as white space.
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') return false;
    if (named) continue;
    if (matched == kName.size()) {
      if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
      named = c == ':';
      matched = 0;
    }
    // No prefix of the name but its first byte is also a suffix of one.
    matched = c == kName[matched] ? matched + 1 : c == kName[0] ? 1 : 0;
  }
  return named;
}

}  // namespace streamgate::validators
