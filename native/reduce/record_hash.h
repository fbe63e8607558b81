// Hash by which rules remember records (dedupe) and keys (throttle): MurmurHash3's mixing of 32-bit words (Appleby) in
// two lanes that feed each other, 64 bits in all. 32-bit words because the twin, record_hash.ts, has no cheap 64-bit
// product; two lanes because 32 bits would take two of 100,000 records for one.
//
// It lives in memory only, so it may change from one version to the next; what must never change is ShardHash. Seeded
// by the plan, so that nobody who can write a log line can compute one that is taken for another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace streamgate {

class RecordHash {
 public:
  explicit RecordHash(uint64_t seed) : a_(static_cast<uint32_t>(seed)), b_(static_cast<uint32_t>(seed >> 32)) {}

  // One byte after the other or many at once: the hash is the same.
  void Byte(uint8_t byte) {
    word_ |= uint64_t{byte} << (8 * (size_++ % 8));
    if (size_ % 8 == 0) TakeWord();
  }
  void Bytes(const char* data, size_t size) {
    const char* const end = data + size;
    while (size_ % 8 != 0 && data < end) Byte(static_cast<uint8_t>(*data++));
    for (; end - data >= 8; data += 8) {
      std::memcpy(&word_, data, 8);
      size_ += 8;
      TakeWord();
    }
    while (data < end) Byte(static_cast<uint8_t>(*data++));
  }
  // Ends it.
  uint64_t Finish() {
    Mix(static_cast<uint32_t>(word_), static_cast<uint32_t>(word_ >> 32));
    uint32_t a = a_ ^ size_;
    uint32_t b = b_ ^ size_;
    a += b;
    b += a;
    a = Final(a);
    b = Final(b);
    a += b;
    b += a;
    return uint64_t{a} << 32 | b;
  }

 private:
  static uint32_t Rotate(uint32_t x, unsigned bits) { return x << bits | x >> (32 - bits); }
  static uint32_t Final(uint32_t x) {
    x = (x ^ x >> 16) * 0x85ebca6b;
    x = (x ^ x >> 13) * 0xc2b2ae35;
    return x ^ x >> 16;
  }
  void TakeWord() {
    Mix(static_cast<uint32_t>(word_), static_cast<uint32_t>(word_ >> 32));
    word_ = 0;
  }
  // For given words each pair of lanes leads to another one, so no difference is forgotten.
  void Mix(uint32_t low, uint32_t high) {
    a_ = (Rotate(a_ ^ Rotate(low * 0x239b961b, 15) * 0xab0e9789, 19) + b_) * 5 + 0x561ccd1b;
    b_ = (Rotate(b_ ^ Rotate(high * 0xab0e9789, 16) * 0x38b34ae5, 17) + a_) * 5 + 0x0bcaa747;
  }

  uint32_t a_;
  uint32_t b_;
  uint32_t size_ = 0;  // modulo 2^32
  uint64_t word_ = 0;
};

}  // namespace streamgate
