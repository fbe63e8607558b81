// The scans of candidates.h, written once over a vector of bytes; compiled like kernel.h.
//
// V further has: Both(v, low, high) → the buckets of each byte; Broadcast(table) → a half's table in a register;
// Zero(); Or(a, b); NonZero(v) → bit i set where byte i is not zero; TopBits(v, shift) → bit i is bit 7 - shift of byte
// i; Store(p, v); Fold(v) → GramTable::Folded of each byte; Hashes(v, lookups) → stores, for each group of four bytes,
// GramTable::Slot in the low bits and GramTable::Bit in the highest eight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "scan/candidates.h"

namespace streamgate {

// A step looks at most at this many bytes from its place on: its own, the next step's (for runs), and a probe's offset.
constexpr size_t kCandidateSightBytes = 2 * kCandidateStepBytes + BucketTables::kOffsetMax + 1;

template <typename V>
struct BucketStep {
  static constexpr size_t kParts = kCandidateStepBytes / V::kBytes;
  typename V::Register parts[kParts];
};

template <typename V, size_t kProbes, size_t kRuns>
class BucketScan {
 public:
  STREAMGATE_TARGET explicit BucketScan(const BucketTables& tables) {
    for (size_t i = 0; i < kProbes; ++i) {
      low_[i] = V::Broadcast(tables.low[i]);
      high_[i] = V::Broadcast(tables.high[i]);
      offsets_[i] = tables.offsets[i];
    }
    for (size_t i = 0; i < kRuns; ++i) {
      // A run of n bytes is n members in a row. Eight are found by doubling; what is missing is added in two steps.
      const unsigned missing = tables.run_bytes[i] - 8u;
      more_[i] = missing < 8 ? missing : 8;
      rest_[i] = missing - more_[i];
    }
    alignas(16) uint8_t whole[16];
    std::memset(whole, 0xff >> kRuns, sizeof whole);
    whole_ = V::Broadcast(whole);
  }

  // Places of `p` in the base are `place` on. kCandidateSightBytes are readable at each step's place.
  //
  // Steps that found something are noted, whether they did or not, and listed a little later: which of them will is not
  // to be guessed, and a branch at each would cost more than the scan where two lines of five hold something.
  STREAMGATE_TARGET inline const uint8_t* Run(const uint8_t* p, const uint8_t* stop, uint32_t place, Candidate* list,
                                              size_t list_max, size_t* count) {
    size_t listed = *count;
    while (p < stop && listed + kCandidateStepBytes <= list_max) {
      uint8_t noted[kStepsAhead];
      size_t notes = 0;
      Step step = At(p);
      uint32_t members[kRuns + 1];
      for (size_t i = 0; i < kRuns; ++i) members[i] = TopBits(step, i);
      const uint8_t* next = p;
      for (size_t k = 0; k < kStepsAhead && next < stop; ++k) {
        next += kCandidateStepBytes;
        uint32_t bits = Places(step);
        step = At(next);
        for (size_t i = 0; i < kRuns; ++i) {
          const uint32_t ahead = TopBits(step, i);
          bits |= Starts(i, members[i], ahead);
          members[i] = ahead;
        }
        noted[notes] = static_cast<uint8_t>(k);
        notes += bits != 0 ? 1 : 0;
      }
      for (size_t n = 0; n < notes; ++n) {
        const size_t ahead = noted[n] * kCandidateStepBytes;
        if (listed + kCandidateStepBytes > list_max) {
          *count = listed;
          return p + ahead;
        }
        listed += List(p + ahead, place + static_cast<uint32_t>(ahead), list + listed);
      }
      place += static_cast<uint32_t>(next - p);
      p = next;
    }
    *count = listed;
    return p;
  }

 private:
  using Step = BucketStep<V>;
  // Steps between two looks at what they found. When the list is full the others are done again.
  static constexpr size_t kStepsAhead = 64;

  // Lists what the step at `p` finds, at most kCandidateStepBytes. Returns how many.
  STREAMGATE_TARGET inline size_t List(const uint8_t* p, uint32_t place, Candidate* list) const {
    const Step step = At(p);
    alignas(32) uint8_t buckets[kCandidateStepBytes];
    for (size_t k = 0; k < Step::kParts; ++k) V::Store(buckets + k * V::kBytes, step.parts[k]);
    uint32_t bits = Places(step);
    uint32_t starts[kRuns + 1];
    if (kRuns > 0) {
      const Step next = At(p + kCandidateStepBytes);
      for (size_t i = 0; i < kRuns; ++i) {
        starts[i] = Starts(i, TopBits(step, i), TopBits(next, i));
        bits |= starts[i];
      }
    }
    size_t listed = 0;
    for (; bits != 0; bits &= bits - 1) {
      const unsigned at = static_cast<unsigned>(__builtin_ctz(bits));
      uint32_t what = buckets[at] & (0xffu >> kRuns);
      for (size_t i = 0; i < kRuns; ++i) what |= (starts[i] >> at & 1) << (7 - i);
      list[listed++] = {place + at, what};
    }
    return listed;
  }

  // Where all probes fit, runs left aside.
  STREAMGATE_TARGET inline uint32_t Places(const Step& step) const {
    uint32_t bits = 0;
    for (size_t k = 0; k < Step::kParts; ++k)
      bits |= uint32_t{V::NonZero(kRuns == 0 ? step.parts[k] : V::And(step.parts[k], whole_))} << (k * V::kBytes);
    return bits;
  }

  // Where long enough runs start, by the members of a step and of the next.
  STREAMGATE_TARGET inline uint32_t Starts(size_t run, uint32_t members, uint32_t ahead) const {
    uint64_t runs = members | uint64_t{ahead} << 32;
    runs &= runs >> 1;
    runs &= runs >> 2;
    runs &= runs >> 4;
    runs &= runs >> more_[run];
    runs &= runs >> rest_[run];
    return static_cast<uint32_t>(runs);
  }

  STREAMGATE_TARGET inline Step At(const uint8_t* p) const {
    Step step;
    for (size_t k = 0; k < Step::kParts; ++k) {
      const uint8_t* const q = p + k * V::kBytes;
      auto takes = V::Both(V::Load(q + offsets_[0]), low_[0], high_[0]);
      for (size_t i = 1; i < kProbes; ++i) takes = V::And(takes, V::Both(V::Load(q + offsets_[i]), low_[i], high_[i]));
      step.parts[k] = takes;
    }
    return step;
  }

  STREAMGATE_TARGET inline uint32_t TopBits(const Step& step, size_t run) const {
    uint32_t bits = 0;
    for (size_t k = 0; k < Step::kParts; ++k)
      bits |= uint32_t{V::TopBits(step.parts[k], static_cast<int>(run))} << (k * V::kBytes);
    return bits;
  }

  typename V::Register low_[kProbes];
  typename V::Register high_[kProbes];
  typename V::Register whole_;
  size_t offsets_[kProbes];
  static_assert(BucketTables::kRunBytesMin == 8 && BucketTables::kRunBytesMax == 32, "as Starts adds them up");
  unsigned more_[kRuns + 1] = {};
  unsigned rest_[kRuns + 1] = {};
};

template <typename V>
class GramScan {
 public:
  STREAMGATE_TARGET explicit GramScan(const GramTable& table) : table_(table) {}

  STREAMGATE_TARGET inline const uint8_t* Run(const uint8_t* p, const uint8_t* stop, uint32_t place, Candidate* list,
                                              size_t list_max, size_t* count) {
    return table_.stride == 4 ? RunBy<4>(p, stop, place, list, list_max, count)
                              : RunBy<2>(p, stop, place, list, list_max, count);
  }

 private:
  static constexpr size_t kGrams = kCandidateStepBytes / 4;
  static constexpr uint32_t kSlotMask = GramTable::kSlots - 1;

  template <size_t kStride>
  STREAMGATE_TARGET inline const uint8_t* RunBy(const uint8_t* p, const uint8_t* stop, uint32_t place, Candidate* list,
                                                size_t list_max, size_t* count) {
    constexpr size_t kPhases = 4 / kStride;
    size_t listed = *count;
    for (; p < stop && listed + kCandidateStepBytes <= list_max;
         p += kCandidateStepBytes, place += static_cast<uint32_t>(kCandidateStepBytes)) {
      alignas(32) uint32_t lookups[kPhases][kGrams];
      for (size_t phase = 0; phase < kPhases; ++phase)
        for (size_t k = 0; k < kCandidateStepBytes; k += V::kBytes)
          V::Hashes(V::Fold(V::Load(p + phase * kStride + k)), lookups[phase] + k / 4);
      uint64_t any = 0;
      for (size_t phase = 0; phase < kPhases; ++phase) {
        // Two at a time, because loads are what this loop waits for.
        const auto hits = [this, phase, &lookups](size_t i) {
          uint64_t two;
          std::memcpy(&two, lookups[phase] + i, sizeof two);
          return (table_.bits[two & kSlotMask] & two >> 24) | (table_.bits[two >> 32 & kSlotMask] & two >> 56);
        };
        // Spelled out: a loop's own instructions would cost as much as these.
        static_assert(kGrams == 8);
        any |= hits(0) | hits(2) | hits(4) | hits(6);
      }
      if (any == 0) continue;
      // Written whether it is one or not: which of the grams it was is not to be guessed.
      for (size_t i = 0; i < kGrams; ++i) {
        for (size_t phase = 0; phase < kPhases; ++phase) {
          const uint32_t slot = lookups[phase][i] & kSlotMask;
          list[listed] = {place + static_cast<uint32_t>(4 * i + phase * kStride), slot};
          listed += (table_.bits[slot] & lookups[phase][i] >> 24) != 0 ? 1 : 0;
        }
      }
    }
    *count = listed;
    return p;
  }

  const GramTable& table_;
};

// Runs a scan over what can be read where it lies, and then over a copy of the last bytes with zeros behind them.
template <typename Scan>
STREAMGATE_TARGET inline const uint8_t* FindCandidatesWith(Scan& scan, const uint8_t* base, const uint8_t* from,
                                                           const uint8_t* stop, const uint8_t* end, Candidate* list,
                                                           size_t list_max, size_t* count) {
  size_t bytes = static_cast<size_t>(end - from);
  if (bytes >= kCandidateSightBytes) {
    const uint8_t* const last = from + (bytes - kCandidateSightBytes + 1);
    from = scan.Run(from, stop < last ? stop : last, static_cast<uint32_t>(from - base), list, list_max, count);
    bytes = static_cast<size_t>(end - from);
  }
  if (from >= stop || bytes >= kCandidateSightBytes) return from;
  uint8_t copy[2 * kCandidateSightBytes + kCandidateStepBytes] = {};
  std::memcpy(copy, from, bytes);
  const uint8_t* const stopped =
      scan.Run(copy, copy + (stop - from), static_cast<uint32_t>(from - base), list, list_max, count);
  // A step looks at whole vectors, beyond the end too.
  const uint32_t limit = static_cast<uint32_t>(end - base);
  while (*count > 0 && list[*count - 1].place >= limit) --*count;
  const size_t done = static_cast<size_t>(stopped - copy);
  return done < bytes ? from + done : end;
}

template <typename V, size_t kProbes>
STREAMGATE_TARGET inline const uint8_t* FindBucketsRuns(const BucketTables& tables, const uint8_t* base,
                                                        const uint8_t* from, const uint8_t* stop, const uint8_t* end,
                                                        Candidate* list, size_t list_max, size_t* count) {
  static_assert(BucketTables::kRunsMax == 3);
  switch (tables.runs) {
    case 0: {
      BucketScan<V, kProbes, 0> scan(tables);
      return FindCandidatesWith(scan, base, from, stop, end, list, list_max, count);
    }
    case 1: {
      BucketScan<V, kProbes, 1> scan(tables);
      return FindCandidatesWith(scan, base, from, stop, end, list, list_max, count);
    }
    case 2: {
      BucketScan<V, kProbes, 2> scan(tables);
      return FindCandidatesWith(scan, base, from, stop, end, list, list_max, count);
    }
    default: {
      BucketScan<V, kProbes, 3> scan(tables);
      return FindCandidatesWith(scan, base, from, stop, end, list, list_max, count);
    }
  }
}

template <typename V>
STREAMGATE_TARGET inline const uint8_t* FindBucketsWith(const BucketTables& tables, const uint8_t* base,
                                                        const uint8_t* from, const uint8_t* stop, const uint8_t* end,
                                                        Candidate* list, size_t list_max, size_t* count) {
  static_assert(BucketTables::kProbesMax == 3);
  switch (tables.probes) {
    case 1:
      return FindBucketsRuns<V, 1>(tables, base, from, stop, end, list, list_max, count);
    case 2:
      return FindBucketsRuns<V, 2>(tables, base, from, stop, end, list, list_max, count);
    default:
      return FindBucketsRuns<V, 3>(tables, base, from, stop, end, list, list_max, count);
  }
}

template <typename V>
STREAMGATE_TARGET inline const uint8_t* FindGramsWith(const GramTable& table, const uint8_t* base, const uint8_t* from,
                                                      const uint8_t* stop, const uint8_t* end, Candidate* list,
                                                      size_t list_max, size_t* count) {
  GramScan<V> scan(table);
  return FindCandidatesWith(scan, base, from, stop, end, list, list_max, count);
}

}  // namespace streamgate
