// The kernel over 32 bytes: AVX2.
#if defined(__x86_64__)
#include <immintrin.h>

#define STREAMGATE_TARGET __attribute__((target("avx2")))
#include "scan/kernel.h"

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
  STREAMGATE_TARGET static uint32_t Mask(__m256i v) { return static_cast<uint32_t>(_mm256_movemask_epi8(v)); }

 private:
  STREAMGATE_TARGET static __m256i Broadcast(const uint8_t* table) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
  }
};

}  // namespace

STREAMGATE_TARGET const uint8_t* FindWindowAvx2(const Window& window, const uint8_t* from, const uint8_t* end) {
  return FindWindowWith<V256>(window, from, end);
}

}  // namespace streamgate

#endif
