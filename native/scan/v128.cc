// The kernel over 16 bytes: SSSE3 on x86-64, NEON on arm64.
#if defined(__x86_64__)
#include <tmmintrin.h>
#define STREAMGATE_TARGET __attribute__((target("ssse3")))
#elif defined(__aarch64__)
#include <arm_neon.h>
#define STREAMGATE_TARGET
#endif

#if defined(STREAMGATE_TARGET)
#include "scan/candidate_kernel.h"
#include "scan/kernel.h"
#include "scan/utf8_kernel.h"

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
  STREAMGATE_TARGET static __m128i Or(__m128i a, __m128i b) { return _mm_or_si128(a, b); }
  STREAMGATE_TARGET static __m128i Xor(__m128i a, __m128i b) { return _mm_xor_si128(a, b); }
  STREAMGATE_TARGET static __m128i Zero() { return _mm_setzero_si128(); }
  STREAMGATE_TARGET static uint32_t Mask(__m128i v) { return static_cast<uint32_t>(_mm_movemask_epi8(v)); }

  using Register = __m128i;
  STREAMGATE_TARGET static __m128i Broadcast(const uint8_t* table) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(table));
  }
  STREAMGATE_TARGET static __m128i Both(__m128i v, __m128i low, __m128i high) {
    const __m128i half = _mm_set1_epi8(15);
    return _mm_and_si128(_mm_shuffle_epi8(low, _mm_and_si128(v, half)),
                         _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi16(v, 4), half)));
  }
  STREAMGATE_TARGET static uint32_t NonZero(__m128i v) { return Mask(_mm_cmpeq_epi8(v, _mm_setzero_si128())) ^ 0xffff; }
  STREAMGATE_TARGET static uint32_t TopBits(__m128i v, int shift) { return Mask(_mm_slli_epi16(v, shift)); }
  STREAMGATE_TARGET static void Store(uint8_t* p, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
  STREAMGATE_TARGET static __m128i Fold(__m128i v) {
    const __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
    const __m128i above = _mm_sub_epi8(folded, _mm_set1_epi8('0'));
    const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(9)), above);
    return _mm_andnot_si128(_mm_and_si128(digit, _mm_set1_epi8(15)), folded);
  }
  STREAMGATE_TARGET static void Hashes(__m128i v, uint32_t* lookups) {
    const __m128i factors = _mm_set1_epi32(static_cast<uint16_t>(GramTable::kFactorLow) |
                                           static_cast<uint32_t>(GramTable::kFactorHigh) << 16);
    const __m128i hash = _mm_madd_epi16(v, factors);
    const __m128i slot =
        _mm_and_si128(_mm_xor_si128(hash, _mm_srli_epi32(hash, 15)), _mm_set1_epi32(GramTable::kSlots - 1));
    const __m128i bit = _mm_shuffle_epi8(_mm_set1_epi64x(static_cast<int64_t>(0x8040201008040201)),
                                         _mm_and_si128(_mm_srli_epi32(hash, 21), _mm_set1_epi32(7)));
    _mm_store_si128(reinterpret_cast<__m128i*>(lookups), _mm_or_si128(slot, _mm_slli_epi32(bit, 24)));
  }
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
  static uint8x16_t Or(uint8x16_t a, uint8x16_t b) { return vorrq_u8(a, b); }
  static uint8x16_t Xor(uint8x16_t a, uint8x16_t b) { return veorq_u8(a, b); }
  static uint8x16_t Zero() { return vdupq_n_u8(0); }
  static uint32_t Mask(uint8x16_t v) {
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t weighted = vandq_u8(v, vld1q_u8(weights));
    return vaddv_u8(vget_low_u8(weighted)) | static_cast<uint32_t>(vaddv_u8(vget_high_u8(weighted))) << 8;
  }

  using Register = uint8x16_t;
  static uint8x16_t Broadcast(const uint8_t* table) { return vld1q_u8(table); }
  static uint8x16_t Both(uint8x16_t v, uint8x16_t low, uint8x16_t high) {
    return vandq_u8(vqtbl1q_u8(low, vandq_u8(v, vdupq_n_u8(15))), vqtbl1q_u8(high, vshrq_n_u8(v, 4)));
  }
  static uint32_t NonZero(uint8x16_t v) {
    // Most steps hold nothing: one answer for all bytes first.
    return vmaxvq_u8(v) == 0 ? 0 : Mask(vtstq_u8(v, v));
  }
  static uint32_t TopBits(uint8x16_t v, int shift) {
    return Mask(vtstq_u8(v, vdupq_n_u8(static_cast<uint8_t>(0x80 >> shift))));
  }
  static void Store(uint8_t* p, uint8x16_t v) { vst1q_u8(p, v); }
  static uint8x16_t Fold(uint8x16_t v) {
    const uint8x16_t folded = vorrq_u8(v, vdupq_n_u8(0x20));
    const uint8x16_t digit = vcleq_u8(vsubq_u8(folded, vdupq_n_u8('0')), vdupq_n_u8(9));
    return vbicq_u8(folded, vandq_u8(digit, vdupq_n_u8(15)));
  }
  static void Hashes(uint8x16_t v, uint32_t* lookups) {
    const int16x8_t words = vreinterpretq_s16_u8(v);
    const int16x4_t factors = vreinterpret_s16_u32(
        vdup_n_u32(static_cast<uint16_t>(GramTable::kFactorLow) | static_cast<uint32_t>(GramTable::kFactorHigh) << 16));
    const uint32x4_t hash = vreinterpretq_u32_s32(
        vpaddq_s32(vmull_s16(vget_low_s16(words), factors), vmull_s16(vget_high_s16(words), factors)));
    const uint32x4_t slot = vandq_u32(veorq_u32(hash, vshrq_n_u32(hash, 15)), vdupq_n_u32(GramTable::kSlots - 1));
    const int32x4_t places = vreinterpretq_s32_u32(vandq_u32(vshrq_n_u32(hash, 21), vdupq_n_u32(7)));
    vst1q_u32(lookups, vorrq_u32(slot, vshlq_u32(vdupq_n_u32(1u << 24), places)));
  }
};
#endif

}  // namespace

STREAMGATE_TARGET const uint8_t* FindWindowV128(const Window& window, const uint8_t* from, const uint8_t* end) {
  return FindWindowWith<V128>(window, from, end);
}

STREAMGATE_TARGET const uint8_t* FindBucketsV128(const BucketTables& tables, const uint8_t* base, const uint8_t* from,
                                                 const uint8_t* stop, const uint8_t* end, Candidate* list,
                                                 size_t list_max, size_t* count) {
  return FindBucketsWith<V128>(tables, base, from, stop, end, list, list_max, count);
}

STREAMGATE_TARGET const uint8_t* FindGramsV128(const GramTable& table, const uint8_t* base, const uint8_t* from,
                                               const uint8_t* stop, const uint8_t* end, Candidate* list,
                                               size_t list_max, size_t* count) {
  return FindGramsWith<V128>(table, base, from, stop, end, list, list_max, count);
}

STREAMGATE_TARGET bool IsUtf8V128(const uint8_t* from, const uint8_t* end) { return IsUtf8With<V128>(from, end); }

}  // namespace streamgate
#endif
