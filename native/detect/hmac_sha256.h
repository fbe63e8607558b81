// HMAC-SHA-256 (RFC 2104, FIPS 180-4), for tokens that stand for the same value wherever it occurs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace streamgate::detect {

// SHA-256 over bytes given piece by piece.
class Sha256 {
 public:
  static constexpr size_t kBlockBytes = 64;
  static constexpr size_t kDigestBytes = 32;

  void Add(const void* data, size_t size);
  // Once; nothing may be added afterwards.
  std::array<uint8_t, kDigestBytes> Digest();

 private:
  void Block(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t pending_[kBlockBytes];
  uint64_t size_ = 0;
};

class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  std::array<uint8_t, Sha256::kDigestBytes> Of(std::string_view message) const;

 private:
  // After the padded key: the same for every message.
  Sha256 inner_;
  Sha256 outer_;
};

}  // namespace streamgate::detect
