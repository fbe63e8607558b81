// 64 neighbouring bytes and questions about all of them at once, each answered by one bit a byte (bit 0: the first).
// Written for the vectors that processors have; newline.cc, json_marks.cc and json_escape.cc compile their loops
// once for each.
//
// These are comparisons with constants only, which every x86-64 (SSE2) and every arm64 (NEON) can do; sets of bytes,
// which need a byte shuffle, are in kernel.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#define STREAMGATE_AVX2 __attribute__((target("avx2")))
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace streamgate {

// Eight bytes at a time in a plain register; for any processor.
struct Bytes64Scalar {
  uint64_t words[8];

  static Bytes64Scalar Load(const uint8_t* p) {
    Bytes64Scalar bytes;
    std::memcpy(bytes.words, p, 64);
    return bytes;
  }
  void Store(uint8_t* p) const { std::memcpy(p, words, 64); }
  // Which are not ASCII?
  uint64_t TopBits() const {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits |= Gathered(words[i] & ~(kOnes * 0x7F)) << (8 * i);
    return bits;
  }
  // Which are quotes, backslashes or control characters (below 0x20)?
  uint64_t JsonMarks() const {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i)
      bits |= (Zeros(words[i] ^ (kOnes * '"')) | Zeros(words[i] ^ (kOnes * '\\')) | Zeros(words[i] & (kOnes * 0xE0)))
              << (8 * i);
    return bits;
  }

 private:
  static constexpr uint64_t kOnes = 0x0101010101010101u;
  // One bit for each byte out of its top bit, where no other bits are set: the product moves bit 8 i to bit 56 + i.
  static uint64_t Gathered(uint64_t tops) { return ((tops >> 7) * 0x0102040810204080u) >> 56; }
  // One bit for each byte that is zero. The sum carries into a byte's top bit unless its lower seven are zero, and
  // never beyond it.
  static uint64_t Zeros(uint64_t x) {
    const uint64_t low = kOnes * 0x7F;
    return Gathered(~(((x & low) + low) | x | low));
  }
};

#if defined(__x86_64__)
struct Bytes64V128 {
  __m128i parts[4];

  static Bytes64V128 Load(const uint8_t* p) {
    const __m128i* from = reinterpret_cast<const __m128i*>(p);
    return {{_mm_loadu_si128(from), _mm_loadu_si128(from + 1), _mm_loadu_si128(from + 2), _mm_loadu_si128(from + 3)}};
  }
  void Store(uint8_t* p) const {
    for (int i = 0; i < 4; ++i) _mm_storeu_si128(reinterpret_cast<__m128i*>(p) + i, parts[i]);
  }
  uint64_t TopBits() const {
    return Mask(parts[0]) | Mask(parts[1]) << 16 | Mask(parts[2]) << 32 | Mask(parts[3]) << 48;
  }
  // Which are `byte`?
  uint64_t Equal(uint8_t byte) const {
    const __m128i same = _mm_set1_epi8(static_cast<char>(byte));
    uint64_t bits = 0;
    for (int i = 0; i < 4; ++i) bits |= Mask(_mm_cmpeq_epi8(parts[i], same)) << (16 * i);
    return bits;
  }
  uint64_t JsonMarks() const {
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i last = _mm_set1_epi8(0x1F);
    uint64_t bits = 0;
    for (int i = 0; i < 4; ++i) {
      const __m128i v = parts[i];
      const __m128i text = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
      bits |= Mask(_mm_or_si128(text, _mm_cmpeq_epi8(_mm_max_epu8(v, last), last))) << (16 * i);
    }
    return bits;
  }

 private:
  static uint64_t Mask(__m128i v) { return static_cast<uint32_t>(_mm_movemask_epi8(v)); }
};

struct Bytes64Avx2 {
  __m256i low, high;

  STREAMGATE_AVX2 static Bytes64Avx2 Load(const uint8_t* p) {
    const __m256i* from = reinterpret_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
  }
  STREAMGATE_AVX2 void Store(uint8_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p) + 1, high);
  }
  STREAMGATE_AVX2 uint64_t TopBits() const { return Mask(low, high); }
  STREAMGATE_AVX2 uint64_t Equal(uint8_t byte) const {
    const __m256i same = _mm256_set1_epi8(static_cast<char>(byte));
    return Mask(_mm256_cmpeq_epi8(low, same), _mm256_cmpeq_epi8(high, same));
  }
  STREAMGATE_AVX2 uint64_t JsonMarks() const { return Mask(Marks(low), Marks(high)); }

 private:
  STREAMGATE_AVX2 static __m256i Marks(__m256i v) {
    const __m256i last = _mm256_set1_epi8(0x1F);
    const __m256i text =
        _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')), _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
    return _mm256_or_si256(text, _mm256_cmpeq_epi8(_mm256_max_epu8(v, last), last));
  }
  STREAMGATE_AVX2 static uint64_t Mask(__m256i a, __m256i b) {
    return static_cast<uint32_t>(_mm256_movemask_epi8(a)) | uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(b))}
                                                                << 32;
  }
};
#elif defined(__aarch64__)
struct Bytes64V128 {
  uint8x16_t parts[4];

  static Bytes64V128 Load(const uint8_t* p) {
    return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
  }
  void Store(uint8_t* p) const {
    for (int i = 0; i < 4; ++i) vst1q_u8(p + 16 * i, parts[i]);
  }
  uint64_t TopBits() const {
    const uint8x16_t top = vdupq_n_u8(0x80);
    return Mask(vcgeq_u8(parts[0], top), vcgeq_u8(parts[1], top), vcgeq_u8(parts[2], top), vcgeq_u8(parts[3], top));
  }
  uint64_t Equal(uint8_t byte) const {
    const uint8x16_t same = vdupq_n_u8(byte);
    return Mask(vceqq_u8(parts[0], same), vceqq_u8(parts[1], same), vceqq_u8(parts[2], same), vceqq_u8(parts[3], same));
  }
  uint64_t JsonMarks() const { return Mask(Marks(parts[0]), Marks(parts[1]), Marks(parts[2]), Marks(parts[3])); }

 private:
  static uint8x16_t Marks(uint8x16_t v) {
    const uint8x16_t text = vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\')));
    return vorrq_u8(text, vcltq_u8(v, vdupq_n_u8(0x20)));
  }
  // arm64 has no movemask: each byte keeps its place's bit, and three rounds of adding neighbours gather eight bytes'
  // bits in one.
  static uint64_t Mask(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t weight = vld1q_u8(weights);
    const uint8x16_t ab = vpaddq_u8(vandq_u8(a, weight), vandq_u8(b, weight));
    const uint8x16_t cd = vpaddq_u8(vandq_u8(c, weight), vandq_u8(d, weight));
    const uint8x16_t abcd = vpaddq_u8(ab, cd);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(abcd, abcd)), 0);
  }
};
#endif

}  // namespace streamgate
