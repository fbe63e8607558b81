// See hmac_sha256.h.
#include "detect/hmac_sha256.h"

#include <algorithm>
#include <cstring>

namespace streamgate::detect {
namespace {

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t Rotated(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

}  // namespace

void Sha256::Block(const uint8_t* block) {
  uint32_t words[64];
  for (size_t i = 0; i < 16; ++i)
    words[i] = uint32_t{block[4 * i]} << 24 | uint32_t{block[4 * i + 1]} << 16 | uint32_t{block[4 * i + 2]} << 8 |
               block[4 * i + 3];
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t a = words[i - 15];
    const uint32_t b = words[i - 2];
    words[i] = words[i - 16] + (Rotated(a, 7) ^ Rotated(a, 18) ^ a >> 3) + words[i - 7] +
               (Rotated(b, 17) ^ Rotated(b, 19) ^ b >> 10);
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t one =
        h + (Rotated(e, 6) ^ Rotated(e, 11) ^ Rotated(e, 25)) + ((e & f) ^ (~e & g)) + kRounds[i] + words[i];
    const uint32_t two = (Rotated(a, 2) ^ Rotated(a, 13) ^ Rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + one;
    d = c;
    c = b;
    b = a;
    a = one + two;
  }
  const uint32_t add[8] = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state_[i] += add[i];
}

void Sha256::Add(const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  size_t pending = size_ % kBlockBytes;
  size_ += size;
  while (size > 0) {
    const size_t taken = std::min(size, kBlockBytes - pending);
    std::memcpy(pending_ + pending, bytes, taken);
    pending += taken;
    bytes += taken;
    size -= taken;
    if (pending < kBlockBytes) return;
    Block(pending_);
    pending = 0;
  }
}

std::array<uint8_t, Sha256::kDigestBytes> Sha256::Digest() {
  const uint64_t bits = size_ * 8;
  const uint8_t one = 0x80;
  Add(&one, 1);
  const uint8_t zeros[kBlockBytes] = {};
  Add(zeros, (2 * kBlockBytes - 8 - size_ % kBlockBytes) % kBlockBytes);
  uint8_t length[8];
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  Add(length, sizeof length);
  std::array<uint8_t, kDigestBytes> digest;
  for (size_t i = 0; i < 8; ++i)
    for (size_t k = 0; k < 4; ++k) digest[4 * i + k] = static_cast<uint8_t>(state_[i] >> (24 - 8 * k));
  return digest;
}

HmacSha256::HmacSha256(std::string_view key) {
  uint8_t padded[Sha256::kBlockBytes] = {};
  if (key.size() > sizeof padded) {
    Sha256 hash;
    hash.Add(key.data(), key.size());
    const auto digest = hash.Digest();
    std::copy(digest.begin(), digest.end(), padded);
  } else if (!key.empty()) {
    std::memcpy(padded, key.data(), key.size());
  }
  for (uint8_t& byte : padded) byte ^= 0x36;
  inner_.Add(padded, sizeof padded);
  for (uint8_t& byte : padded) byte ^= 0x36 ^ 0x5c;
  outer_.Add(padded, sizeof padded);
}

std::array<uint8_t, Sha256::kDigestBytes> HmacSha256::Of(std::string_view message) const {
  Sha256 inner = inner_;
  inner.Add(message.data(), message.size());
  const auto digest = inner.Digest();
  Sha256 outer = outer_;
  outer.Add(digest.data(), digest.size());
  return outer.Digest();
}

}  // namespace streamgate::detect
