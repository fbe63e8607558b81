// Which steps of a plan may match in which records: one scan over a region for all of them.
//
// A record that holds none of the windows that a step's matches must contain (prefilter.h) needs no look by that step.
// With one search a step, a hundred rules cost a hundred times what one costs; here all windows go into at most three
// scans (scan/candidates.h), and a record without candidates costs one comparison of two pointers, whatever the number
// of steps. Candidates are confirmed here: as soon as they are found, so that chance does not send a record the long
// way, and within their record, once for each step.
//
// Work is bounded: scans are linear, and at a place at most the windows of one slot or of eight buckets are compared,
// each at most Window::kBytesMax bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "match/prefilter.h"
#include "scan/candidates.h"

namespace streamgate {

class CandidateIndex {
 public:
  // What a step requires, and what it means where that is there.
  struct Requirement {
    // Null: the step is not in the index.
    const Prefilter* prefilter = nullptr;
    // A window that fits is a match, and a match ends the record's way: steps behind this one are not asked.
    bool decides = false;
  };
  // `requirements[i]`: of step i.
  explicit CandidateIndex(const std::vector<Requirement>& requirements);
  bool empty() const { return empty_; }
  size_t steps() const { return steps_; }

 private:
  friend class CandidateScan;

  struct Placed {
    const Window* window;
    uint32_t step;
    bool decides;
  };
  // A window where a candidate may be one.
  struct Entry {
    Entry(const Placed& placed, size_t shift_bytes, uint32_t of_gram);
    // Does the window fit, with its byte `shift` at `place`, whole between `from` and `to`? Bytes up to `end` are
    // readable.
    bool FitsAround(const uint8_t* place, const uint8_t* from, const uint8_t* to, const uint8_t* end) const;
    // Where it is known to fit, at a place between `from` and `to`: is it whole between them, too?
    bool FitsWithin(const uint8_t* place, const uint8_t* from, const uint8_t* to) const {
      return static_cast<size_t>(place - from) >= shift && static_cast<size_t>(to - place) + shift >= window_bytes;
    }

    const Window* window;
    uint32_t window_bytes;
    uint32_t step;
    bool decides;
    // Bytes from the window's start to the place that a candidate names.
    uint32_t shift;
    // Grams: the four folded bytes there.
    uint32_t gram;
    // Eight of the window's bytes at once, from `quick_at` on: the bits in which a set's members agree. `whole`: no
    // more is to be known of the window.
    uint32_t quick_at = 0;
    uint64_t quick_mask = 0;
    uint64_t quick_value = 0;
    bool whole = false;
  };
  struct Buckets {
    BucketTables tables = {};
    // Entries of a bucket: those from begin[bucket] up to begin[bucket + 1].
    uint32_t begin[BucketTables::kBuckets + 1] = {};
    std::vector<Entry> entries;
  };
  struct Grams {
    GramTable table = {};
    // Entries of a slot: those from slot_begin[slot] up to slot_begin[slot + 1].
    std::vector<uint32_t> slot_begin;
    std::vector<Entry> entries;
  };
  // Many different windows take two scans by buckets: what one more costs is less than what groups of unlike windows
  // find by chance.
  static constexpr size_t kBucketScansMax = 2;
  // A way to find all windows: each part may be null, buckets from the last on. Cost: in nanoseconds a byte, roughly.
  struct Design {
    std::unique_ptr<Buckets> buckets[kBucketScansMax];
    std::unique_ptr<Grams> grams;
    double cost = 0;
  };
  struct Group;

  static void AddBuckets(const std::vector<Placed>& windows, const std::vector<Placed>& runs, Design* design);
  // Groups of windows, at most `most`, so that they cost little together.
  static std::vector<Group> Joined(std::vector<Group> groups, size_t most, const uint8_t* offsets, size_t probes);
  // `probing`: probes and runs, without what they take.
  static std::unique_ptr<Buckets> BucketsOf(const BucketTables& probing, const std::vector<Group>& groups,
                                            const std::vector<Group>& runs);
  // `left`: windows that are too short or too wide for grams.
  static void AddGrams(const std::vector<Placed>& windows, uint8_t stride, Design* design, std::vector<Placed>* left);

  size_t steps_;
  bool empty_ = true;
  Design design_;
};

// The state of a scan over one region. Not for two threads at once.
class CandidateScan {
 public:
  // `index` is borrowed until the next Use. Null: none, and every record is quiet.
  void Use(const CandidateIndex* index);
  // Begins the region [begin, end), which stays as it is until the next Reset or the last question.
  void Reset(const char* begin, const char* end);

  // Do all records that end at or before `end` hold nothing? Of those, that is, behind the record last asked about.
  // False is no answer: ask Collect.
  bool QuietUpTo(const char* end) const { return reinterpret_cast<const uint8_t*>(end) <= quiet_end_; }
  // Appends to `steps`, ascending and each once, those that may match in `record`, which lies in the region behind the
  // record that was asked about before.
  void Collect(std::string_view record, std::vector<uint32_t>* steps);
  // The same question where it is the quickest to answer: is what the record holds first of all a match that ends its
  // way? Then the step; else kUndecided, and Collect knows more.
  static constexpr uint32_t kUndecided = UINT32_MAX;
  uint32_t Decided(std::string_view record) {
    if (sole_lane_ == nullptr) return kUndecided;
    Lane& lane = *sole_lane_;
    const auto* const from = reinterpret_cast<const uint8_t*>(record.data());
    const uint8_t* const to = from + record.size();
    const auto place = [this, &lane](size_t i) { return begin_ + lane.list[i].place; };
    size_t i = lane.head;
    // Those of records that were decided by one before.
    while (i < lane.count && place(i) < from) ++i;
    lane.head = i;
    if (i == lane.count || place(i) >= to || (lane.list[i].what & kResolved) == 0) return kUndecided;
    const CandidateIndex::Entry& entry = sole_entries_[lane.list[i].what & ~kResolved];
    if (!entry.decides || !entry.FitsWithin(place(i), from, to)) return kUndecided;
    // Whatever else is there must come behind it in the plan.
    while (++i < lane.count && place(i) < to)
      if ((lane.list[i].what & kResolved) == 0 || sole_entries_[lane.list[i].what & ~kResolved].step < entry.step)
        return kUndecided;
    if (i == lane.count && lane.at < to && entry.step > 0) return kUndecided;
    lane.head = i;
    quiet_end_ = i < lane.count ? place(i) : lane.at;
    return entry.step;
  }
  // Where in the record that Collect was last asked about a step's windows start: the first and the last place at which
  // one fits. `step` is one that Collect named.
  PrefilterSearch::Span SpanOf(uint32_t step) const { return {seen_[step].first, seen_[step].last}; }

 private:
  // Bytes scanned ahead of the record at hand, so that a scan's set-up serves many records, and what it has read is
  // still in the first cache when they are copied. Both are few enough that giving a region back half done wastes
  // little.
  static constexpr size_t kAheadBytes = 8192;
  static constexpr size_t kListMax = 512;

  struct Lane {
    bool used = false;
    // Scanned up to here.
    const uint8_t* at = nullptr;
    size_t head = 0;
    size_t count = 0;
    Candidate list[kListMax];
  };
  enum : size_t { kGramLane = CandidateIndex::kBucketScansMax, kLanes };
  // In Candidate::what, with the index of an entry: this one fits, and no other.
  static constexpr uint32_t kResolved = 1u << 31;

  struct KnownRun;

  void Fill(size_t lane);
  // Keeps of what a kernel has listed what is more than chance.
  void Sift(size_t lane);
  // Calls visit(index of an entry, the entry) for those that `candidate` may be, until it answers false.
  template <typename Visit>
  void ForEach(size_t lane, const Candidate& candidate, const Visit& visit) const;
  const std::vector<CandidateIndex::Entry>& EntriesOf(size_t lane) const {
    return lane == kGramLane ? index_->design_.grams->entries : index_->design_.buckets[lane]->entries;
  }
  // Adds the steps of the lane's candidates that lie before `to`.
  void CollectLane(size_t lane, const uint8_t* from, const uint8_t* to, std::vector<uint32_t>* steps);
  void Confirm(size_t lane, const Candidate& candidate, const uint8_t* from, const uint8_t* to,
               std::vector<uint32_t>* steps);

  const CandidateIndex* index_ = nullptr;
  const uint8_t* begin_ = nullptr;
  const uint8_t* end_ = nullptr;
  const uint8_t* quiet_end_ = nullptr;
  std::unique_ptr<Lane[]> lanes_;
  // The lane where only one is used; else null.
  Lane* sole_lane_ = nullptr;
  const CandidateIndex::Entry* sole_entries_ = nullptr;
  struct Seen {
    uint64_t record = 0;
    const uint8_t* first = nullptr;
    const uint8_t* last = nullptr;
  };
  // Of each step the record, by number, in which it was last a candidate, and where.
  std::vector<Seen> seen_;
  uint64_t record_ = 0;
};

}  // namespace streamgate
