// The kernel over 32 bytes: AVX2.
#if defined(__x86_64__)
#include <immintrin.h>

#define STREAMGATE_TARGET __attribute__((target("avx2")))
#include "scan/candidate_kernel.h"
#include "scan/kernel.h"
#include "scan/utf8_kernel.h"

namespace streamgate {
namespace {

struct V256 {
  static constexpr size_t kBytes = 32;
  STREAMGATE_TARGET static __m256i Load(const uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  struct Tables {
    __m256i low_ascii, low_other;
    bool has_other;
  };
  STREAMGATE_TARGET static Tables Prepare(const ShuffleTables& tables) {
    return {Broadcast(tables.low_ascii), Broadcast(tables.low_other), tables.has_other};
  }
  STREAMGATE_TARGET static __m256i Member(__m256i v, const Tables& tables) {
    // As in v128.cc.
    const __m256i bits = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
    const __m256i high = _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15)));
    __m256i low = _mm256_shuffle_epi8(tables.low_ascii, v);
    if (tables.has_other)
      low = _mm256_or_si256(
          low, _mm256_shuffle_epi8(tables.low_other, _mm256_xor_si256(v, _mm256_set1_epi8(static_cast<char>(0x80)))));
    return _mm256_cmpeq_epi8(_mm256_and_si256(low, high), high);
  }
  STREAMGATE_TARGET static __m256i And(__m256i a, __m256i b) { return _mm256_and_si256(a, b); }
  STREAMGATE_TARGET static __m256i Or(__m256i a, __m256i b) { return _mm256_or_si256(a, b); }
  STREAMGATE_TARGET static __m256i Xor(__m256i a, __m256i b) { return _mm256_xor_si256(a, b); }
  STREAMGATE_TARGET static __m256i Zero() { return _mm256_setzero_si256(); }
  STREAMGATE_TARGET static uint32_t Mask(__m256i v) { return static_cast<uint32_t>(_mm256_movemask_epi8(v)); }

  using Register = __m256i;
  STREAMGATE_TARGET static __m256i Broadcast(const uint8_t* table) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
  }
  STREAMGATE_TARGET static __m256i Both(__m256i v, __m256i low, __m256i high) {
    const __m256i half = _mm256_set1_epi8(15);
    return _mm256_and_si256(_mm256_shuffle_epi8(low, _mm256_and_si256(v, half)),
                            _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(v, 4), half)));
  }
  STREAMGATE_TARGET static uint32_t NonZero(__m256i v) { return ~Mask(_mm256_cmpeq_epi8(v, _mm256_setzero_si256())); }
  STREAMGATE_TARGET static uint32_t TopBits(__m256i v, int shift) { return Mask(_mm256_slli_epi16(v, shift)); }
  STREAMGATE_TARGET static void Store(uint8_t* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  STREAMGATE_TARGET static __m256i Fold(__m256i v) {
    const __m256i folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
    const __m256i above = _mm256_sub_epi8(folded, _mm256_set1_epi8('0'));
    const __m256i digit = _mm256_cmpeq_epi8(_mm256_min_epu8(above, _mm256_set1_epi8(9)), above);
    return _mm256_andnot_si256(_mm256_and_si256(digit, _mm256_set1_epi8(15)), folded);
  }
  STREAMGATE_TARGET static void Hashes(__m256i v, uint32_t* lookups) {
    const __m256i factors = _mm256_set1_epi32(static_cast<uint16_t>(GramTable::kFactorLow) |
                                              static_cast<uint32_t>(GramTable::kFactorHigh) << 16);
    const __m256i hash = _mm256_madd_epi16(v, factors);
    const __m256i slot =
        _mm256_and_si256(_mm256_xor_si256(hash, _mm256_srli_epi32(hash, 15)), _mm256_set1_epi32(GramTable::kSlots - 1));
    const __m256i bit = _mm256_shuffle_epi8(_mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201)),
                                            _mm256_and_si256(_mm256_srli_epi32(hash, 21), _mm256_set1_epi32(7)));
    _mm256_store_si256(reinterpret_cast<__m256i*>(lookups), _mm256_or_si256(slot, _mm256_slli_epi32(bit, 24)));
  }
};

}  // namespace

STREAMGATE_TARGET const uint8_t* FindWindowAvx2(const Window& window, const uint8_t* from, const uint8_t* end) {
  return FindWindowWith<V256>(window, from, end);
}

STREAMGATE_TARGET const uint8_t* FindBucketsAvx2(const BucketTables& tables, const uint8_t* base, const uint8_t* from,
                                                 const uint8_t* stop, const uint8_t* end, Candidate* list,
                                                 size_t list_max, size_t* count) {
  return FindBucketsWith<V256>(tables, base, from, stop, end, list, list_max, count);
}

STREAMGATE_TARGET const uint8_t* FindGramsAvx2(const GramTable& table, const uint8_t* base, const uint8_t* from,
                                               const uint8_t* stop, const uint8_t* end, Candidate* list,
                                               size_t list_max, size_t* count) {
  return FindGramsWith<V256>(table, base, from, stop, end, list, list_max, count);
}

STREAMGATE_TARGET bool IsUtf8Avx2(const uint8_t* from, const uint8_t* end) { return IsUtf8With<V256>(from, end); }

}  // namespace streamgate

#endif
