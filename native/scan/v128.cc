// The kernel over 16 bytes: SSSE3 on x86-64, NEON on arm64.
#if defined(__x86_64__)
#include <tmmintrin.h>
#define STREAMGATE_TARGET __attribute__((target("ssse3")))
#elif defined(__aarch64__)
#include <arm_neon.h>
#define STREAMGATE_TARGET
#endif

#if defined(STREAMGATE_TARGET)
#include "scan/kernel.h"

namespace streamgate {
namespace {

#if defined(__x86_64__)
struct V128 {
  static constexpr size_t kBytes = 16;
  STREAMGATE_TARGET static __m128i Load(const uint8_t* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  struct Tables {
    __m128i low_ascii, low_other;
    bool has_other;
  };
  STREAMGATE_TARGET static Tables Prepare(const ShuffleTables& tables) {
    return {_mm_load_si128(reinterpret_cast<const __m128i*>(tables.low_ascii)),
            _mm_load_si128(reinterpret_cast<const __m128i*>(tables.low_other)), tables.has_other};
  }
  STREAMGATE_TARGET static __m128i Member(__m128i v, const Tables& tables) {
    // The bit of a byte's high half, ASCII or not.
    const __m128i bits = _mm_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
    const __m128i high = _mm_shuffle_epi8(bits, _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(15)));
    // The shuffle takes the low half of its index, and answers 0 where the index has its top bit set: for the bytes
    // that are not this table's.
    __m128i low = _mm_shuffle_epi8(tables.low_ascii, v);
    if (tables.has_other)
      low = _mm_or_si128(low,
                         _mm_shuffle_epi8(tables.low_other, _mm_xor_si128(v, _mm_set1_epi8(static_cast<char>(0x80)))));
    return _mm_cmpeq_epi8(_mm_and_si128(low, high), high);
  }
  STREAMGATE_TARGET static __m128i And(__m128i a, __m128i b) { return _mm_and_si128(a, b); }
  STREAMGATE_TARGET static uint32_t Mask(__m128i v) { return static_cast<uint32_t>(_mm_movemask_epi8(v)); }
};
#else
struct V128 {
  static constexpr size_t kBytes = 16;
  static uint8x16_t Load(const uint8_t* p) { return vld1q_u8(p); }
  struct Tables {
    uint8x16_t low_ascii, low_other;
    bool has_other;
  };
  static Tables Prepare(const ShuffleTables& tables) {
    return {vld1q_u8(tables.low_ascii), vld1q_u8(tables.low_other), tables.has_other};
  }
  static uint8x16_t Member(uint8x16_t v, const Tables& tables) {
    static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t high = vqtbl1q_u8(vld1q_u8(bits), vshrq_n_u8(v, 4));
    // A table look-up answers 0 for an index beyond 15: 0x8f keeps the top bit, so for the other half's bytes.
    uint8x16_t low = vqtbl1q_u8(tables.low_ascii, vandq_u8(v, vdupq_n_u8(0x8f)));
    if (tables.has_other) {
      const uint8x16_t other = veorq_u8(v, vdupq_n_u8(0x80));
      low = vorrq_u8(low, vqtbl1q_u8(tables.low_other, vandq_u8(other, vdupq_n_u8(0x8f))));
    }
    return vtstq_u8(low, high);
  }
  static uint8x16_t And(uint8x16_t a, uint8x16_t b) { return vandq_u8(a, b); }
  static uint32_t Mask(uint8x16_t v) {
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t weighted = vandq_u8(v, vld1q_u8(weights));
    return vaddv_u8(vget_low_u8(weighted)) | static_cast<uint32_t>(vaddv_u8(vget_high_u8(weighted))) << 8;
  }
};
#endif

}  // namespace

STREAMGATE_TARGET const uint8_t* FindWindowV128(const Window& window, const uint8_t* from, const uint8_t* end) {
  return FindWindowWith<V128>(window, from, end);
}

}  // namespace streamgate
#endif
