// The scans of candidates.h, written once over a vector of bytes; compiled like kernel.h.
//
// V further has: Both(v, low, high) → the buckets of each byte; Broadcast(table) → a half's table in a register;
// Zero(); Or(a, b); NonZero(v) → bit i set where byte i is not zero; TopBits(v, shift) → bit i is bit 7 - shift of byte
// i; Store(p, v); Fold(v) → GramTable::Folded of each byte; Hashes(v, slots, bits) → stores GramTable::Slot and Bit of
// each group of four bytes as 32 bits, of which in `bits` only the low eight are meant.
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
      // A run of n bytes: n members in a row, doubled until the last step, which adds what is missing.
      size_t length = 1;
      for (size_t& shift : folds_[i]) {
        shift = length < tables.run_bytes[i] - length ? length : tables.run_bytes[i] - length;
        length += shift;
      }
    }
    alignas(16) uint8_t whole[16];
    std::memset(whole, 0xff >> kRuns, sizeof whole);
    whole_ = V::Broadcast(whole);
  }

  // Places of `p` in the base are `place` on. kCandidateSightBytes are readable at each step's place.
  STREAMGATE_TARGET inline const uint8_t* Run(const uint8_t* p, const uint8_t* stop, uint32_t place, Candidate* list,
                                              size_t list_max, size_t* count) {
    size_t listed = *count;
    if (p < stop && listed + kCandidateStepBytes <= list_max) {
      Step step = At(p);
      uint32_t members[kRuns + 1];
      for (size_t i = 0; i < kRuns; ++i) members[i] = TopBits(step, i);
      for (;;) {
        Step next{};
        uint32_t starts[kRuns + 1];
        uint32_t bits = 0;
        for (size_t k = 0; k < Step::kParts; ++k)
          bits |= uint32_t{V::NonZero(V::And(step.parts[k], whole_))} << (k * V::kBytes);
        if (kRuns > 0) next = At(p + kCandidateStepBytes);
        for (size_t i = 0; i < kRuns; ++i) {
          const uint32_t ahead = TopBits(next, i);
          uint64_t runs = members[i] | uint64_t{ahead} << 32;
          members[i] = ahead;
          for (const size_t shift : folds_[i]) runs &= runs >> shift;
          starts[i] = static_cast<uint32_t>(runs);
          bits |= starts[i];
        }
        if (__builtin_expect(bits != 0, 0)) {
          alignas(32) uint8_t buckets[kCandidateStepBytes];
          for (size_t k = 0; k < Step::kParts; ++k) V::Store(buckets + k * V::kBytes, step.parts[k]);
          for (; bits != 0; bits &= bits - 1) {
            const unsigned at = static_cast<unsigned>(__builtin_ctz(bits));
            uint32_t what = buckets[at] & (0xffu >> kRuns);
            for (size_t i = 0; i < kRuns; ++i) what |= (starts[i] >> at & 1) << (7 - i);
            list[listed++] = {place + at, what};
          }
        }
        p += kCandidateStepBytes;
        place += static_cast<uint32_t>(kCandidateStepBytes);
        if (p >= stop || listed + kCandidateStepBytes > list_max) break;
        step = kRuns > 0 ? next : At(p);
      }
    }
    *count = listed;
    return p;
  }

 private:
  using Step = BucketStep<V>;

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
  static_assert(BucketTables::kRunBytesMax == 32, "five steps make 32 bytes of one");
  size_t folds_[kRuns + 1][5] = {};
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

  template <size_t kStride>
  STREAMGATE_TARGET inline const uint8_t* RunBy(const uint8_t* p, const uint8_t* stop, uint32_t place, Candidate* list,
                                                size_t list_max, size_t* count) {
    constexpr size_t kPhases = 4 / kStride;
    size_t listed = *count;
    for (; p < stop && listed + kCandidateStepBytes <= list_max;
         p += kCandidateStepBytes, place += static_cast<uint32_t>(kCandidateStepBytes)) {
      alignas(32) uint32_t slots[kPhases][kGrams];
      alignas(32) uint32_t bits[kPhases][kGrams];
      for (size_t phase = 0; phase < kPhases; ++phase)
        for (size_t k = 0; k < kCandidateStepBytes; k += V::kBytes)
          V::Hashes(V::Fold(V::Load(p + phase * kStride + k)), slots[phase] + k / 4, bits[phase] + k / 4);
      uint32_t any = 0;
      for (size_t phase = 0; phase < kPhases; ++phase) {
        const auto hit = [this, phase, &slots, &bits](size_t i) {
          return table_.bits[slots[phase][i]] & bits[phase][i];
        };
        // Spelled out: a loop's own instructions would cost as much as these.
        static_assert(kGrams == 8);
        any |= hit(0) | hit(1) | hit(2) | hit(3) | hit(4) | hit(5) | hit(6) | hit(7);
      }
      if (any == 0) continue;
      // Written whether it is one or not: which of the grams it was is not to be guessed.
      for (size_t i = 0; i < kGrams; ++i) {
        for (size_t phase = 0; phase < kPhases; ++phase) {
          list[listed] = {place + static_cast<uint32_t>(4 * i + phase * kStride), slots[phase][i]};
          listed += (table_.bits[slots[phase][i]] & bits[phase][i]) != 0 ? 1 : 0;
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
