// The kernel without vectors: one byte at a time.
#define STREAMGATE_TARGET
#include "scan/candidate_kernel.h"
#include "scan/window.h"

namespace streamgate {
namespace {

// What a vector of 16 bytes does, spelled out.
struct Bytes16 {
  static constexpr size_t kBytes = 16;
  struct Register {
    uint8_t bytes[kBytes];
  };

  static Register Load(const uint8_t* p) {
    Register v;
    std::memcpy(v.bytes, p, kBytes);
    return v;
  }
  static Register Broadcast(const uint8_t* table) { return Load(table); }
  static void Store(uint8_t* p, const Register& v) { std::memcpy(p, v.bytes, kBytes); }
  static Register And(const Register& a, const Register& b) {
    Register v;
    for (size_t i = 0; i < kBytes; ++i) v.bytes[i] = a.bytes[i] & b.bytes[i];
    return v;
  }
  static Register Both(const Register& v, const Register& low, const Register& high) {
    Register both;
    for (size_t i = 0; i < kBytes; ++i) both.bytes[i] = low.bytes[v.bytes[i] & 15] & high.bytes[v.bytes[i] >> 4];
    return both;
  }
  static uint32_t NonZero(const Register& v) {
    uint32_t bits = 0;
    for (size_t i = 0; i < kBytes; ++i) bits |= uint32_t{v.bytes[i] != 0} << i;
    return bits;
  }
  static uint32_t TopBits(const Register& v, int shift) {
    uint32_t bits = 0;
    for (size_t i = 0; i < kBytes; ++i) bits |= (v.bytes[i] >> (7 - shift) & 1u) << i;
    return bits;
  }
  static Register Fold(const Register& v) {
    Register folded;
    for (size_t i = 0; i < kBytes; ++i) folded.bytes[i] = GramTable::Folded(v.bytes[i]);
    return folded;
  }
  static void Hashes(const Register& v, uint32_t* lookups) {
    for (size_t i = 0; i < kBytes; i += 4) {
      uint32_t gram = 0;
      for (size_t k = 0; k < 4; ++k) gram |= uint32_t{v.bytes[i + k]} << (8 * k);
      const uint32_t hash = GramTable::Hash(gram);
      lookups[i / 4] = GramTable::Slot(hash) | uint32_t{GramTable::Bit(hash)} << 24;
    }
  }
};

}  // namespace

const uint8_t* FindWindowScalar(const Window& window, const uint8_t* from, const uint8_t* end) {
  const size_t size = window.size();
  if (static_cast<size_t>(end - from) < size) return end;
  const size_t rarest = window.probes()[0].offset;
  const ByteSet& set = window.sets()[rarest];
  for (const uint8_t *p = from, *last = end - size; p <= last; ++p)
    if (set.Has(p[rarest]) && window.FitsAt(p)) return p;
  return end;
}

const uint8_t* FindBucketsScalar(const BucketTables& tables, const uint8_t* base, const uint8_t* from,
                                 const uint8_t* stop, const uint8_t* end, Candidate* list, size_t list_max,
                                 size_t* count) {
  return FindBucketsWith<Bytes16>(tables, base, from, stop, end, list, list_max, count);
}

const uint8_t* FindGramsScalar(const GramTable& table, const uint8_t* base, const uint8_t* from, const uint8_t* stop,
                               const uint8_t* end, Candidate* list, size_t list_max, size_t* count) {
  return FindGramsWith<Bytes16>(table, base, from, stop, end, list, list_max, count);
}

}  // namespace streamgate
