// The scan for many windows at once: what it looks for, and what it finds.
//
// Two ways, both over a stretch of bytes once, whatever the number of windows. Each lists *candidates*: places that one
// of the windows may cover. Whether one really fits is asked later, and only where its record is still of interest
// (match/candidate_index.h), so a kernel's list is bounded by its bytes, not by the windows.
//
// *Buckets*, for few windows: up to eight groups, one bit each. At three places around each byte a shuffle by its low
// and one by its high half tell which groups take the byte there; where all three agree on a group is a candidate.
// After Teddy in Hyperscan (Wang et al., NSDI 2019, section 4.2). Runs of one set (16 of [0-9 -]) fit nearly wherever
// probes fit, so their bit only says "member", and neighbours are folded until the starts of long enough runs are left.
//
// *Grams*, for many: at every second or fourth byte four bytes, with letters folded and digits made one, are hashed
// into a table of bits. A window puts the grams that it may show at each alignment into the table, so every place where
// it fits is met, though most bytes are loaded only once. After FDR in the same paper (section 4.1), and Wu and Manber,
// "A fast algorithm for multi-pattern searching", 1994, in that it skips.
#pragma once

#include <cstddef>
#include <cstdint>

namespace streamgate {

struct Candidate {
  // Bytes behind the scan's base.
  uint32_t place;
  // Buckets: their bits. Grams: the slot in the table.
  uint32_t what;
};

// Bytes between two looks at how full the list is.
constexpr size_t kCandidateStepBytes = 32;

struct BucketTables {
  static constexpr size_t kBuckets = 8;
  static constexpr size_t kProbesMax = 3;
  // The highest buckets may be runs.
  static constexpr size_t kRunsMax = 3;
  // Furthest byte that a probe looks at, from the candidate's place.
  static constexpr size_t kOffsetMax = 31;
  static constexpr size_t kRunBytesMin = 8;
  static constexpr size_t kRunBytesMax = 32;

  // Of each probe, by the low and the high half of a byte: the buckets that take it.
  alignas(16) uint8_t low[kProbesMax][16];
  alignas(16) uint8_t high[kProbesMax][16];
  uint8_t offsets[kProbesMax];
  // 1 to kProbesMax.
  uint8_t probes;
  // Bucket 7 - i is a run of run_bytes[i], for i below runs; of runs all probes but the first take everything.
  uint8_t runs;
  uint8_t run_bytes[kRunsMax];
};

struct GramTable {
  static constexpr size_t kSlots = 1 << 14;
  // Of each slot the bits of the grams that fall into it.
  uint8_t bits[kSlots];
  // 2 or 4: bytes from one gram to the next.
  uint8_t stride;

  // What the kernels make of a byte, so that few grams stand for many: letters of one case, digits all 0, and other
  // bytes that differ in the same bit alike.
  static uint8_t Folded(uint8_t byte) {
    const uint8_t folded = byte | 0x20;
    return folded >= '0' && folded <= '9' ? '0' : folded;
  }
  // Of four folded bytes, the first the lowest: what slot and bit are made of. Two products of 16 bits, because every
  // vector unit multiplies those.
  static uint32_t Hash(uint32_t gram) {
    const auto half = [](uint32_t bits) { return static_cast<int32_t>(static_cast<int16_t>(bits)); };
    return static_cast<uint32_t>(half(gram & 0xffff) * kFactorLow) +
           static_cast<uint32_t>(half(gram >> 16) * kFactorHigh);
  }
  static uint32_t Slot(uint32_t hash) { return (hash ^ hash >> 15) & (kSlots - 1); }
  static uint8_t Bit(uint32_t hash) { return static_cast<uint8_t>(1u << (hash >> 21 & 7)); }
  // Odd, with bits spread over all 15.
  static constexpr int16_t kFactorLow = 0x6b4f;
  static constexpr int16_t kFactorHigh = 0x5a3d;
};

// Lists the candidates from `from` on, in ascending order, behind `*count` others in `list`, which holds `list_max`.
// Goes by steps of kCandidateStepBytes to `stop` or a little further, less far where fewer than kCandidateStepBytes
// entries are free, and returns where it ended: that many bytes are done. Bytes from `end` on are never read, and taken
// for zeros. All kernels list the same.
using FindBucketsFunction = const uint8_t* (*)(const BucketTables& tables, const uint8_t* base, const uint8_t* from,
                                               const uint8_t* stop, const uint8_t* end, Candidate* list,
                                               size_t list_max, size_t* count);
// Alike; grams begin at `from` and every `stride` bytes behind it.
using FindGramsFunction = const uint8_t* (*)(const GramTable& table, const uint8_t* base, const uint8_t* from,
                                             const uint8_t* stop, const uint8_t* end, Candidate* list, size_t list_max,
                                             size_t* count);

const uint8_t* FindBucketsScalar(const BucketTables&, const uint8_t*, const uint8_t*, const uint8_t*, const uint8_t*,
                                 Candidate*, size_t, size_t*);
const uint8_t* FindBucketsV128(const BucketTables&, const uint8_t*, const uint8_t*, const uint8_t*, const uint8_t*,
                               Candidate*, size_t, size_t*);
const uint8_t* FindBucketsAvx2(const BucketTables&, const uint8_t*, const uint8_t*, const uint8_t*, const uint8_t*,
                               Candidate*, size_t, size_t*);
const uint8_t* FindGramsScalar(const GramTable&, const uint8_t*, const uint8_t*, const uint8_t*, const uint8_t*,
                               Candidate*, size_t, size_t*);
const uint8_t* FindGramsV128(const GramTable&, const uint8_t*, const uint8_t*, const uint8_t*, const uint8_t*,
                             Candidate*, size_t, size_t*);
const uint8_t* FindGramsAvx2(const GramTable&, const uint8_t*, const uint8_t*, const uint8_t*, const uint8_t*,
                             Candidate*, size_t, size_t*);

}  // namespace streamgate
