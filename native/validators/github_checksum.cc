// See github_checksum.h.
#include "validators/github_checksum.h"

#include <cstddef>
#include <cstdint>

namespace streamgate::validators {

bool PassesGithubChecksum(std::string_view body) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const size_t random = body.size() - 6;
  uint32_t crc = ~uint32_t{0};
  for (size_t i = 0; i < random; ++i) {
    crc ^= static_cast<unsigned char>(body[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xEDB88320u & (0 - (crc & 1)));
  }
  crc = ~crc;
  for (size_t i = body.size(); i-- > random; crc /= 62)
    if (body[i] != kDigits[crc % 62]) return false;
  return true;
}

}  // namespace streamgate::validators
