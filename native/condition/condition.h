// Conditions over one record: a tree of all, any and not whose leaves look for texts, patterns, attributes and the
// severity. One scan over the records tells which leaves may hold in which of them, as it does for a plan's steps. Twin
// of src/data/engine/portable/condition/condition.ts; what users write is read in src/conditions/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/attribute_filter.h"
#include "match/candidate_index.h"
#include "match/fixed.h"
#include "match/prefilter.h"
#include "plan/operation.h"
#include "re2/re2.h"
#include "severity/severity.h"

namespace streamgate {

// A record as conditions look at it: what several of them ask is found out once.
class RecordView {
 public:
  // `leaves`: of the index in which the conditions have theirs.
  void Use(size_t leaves) {
    marked_.assign(leaves, 0);
    question_ = 0;
  }
  // `text` is borrowed until the next Reset; not null, also when it is empty. `candidates`: leaves that may hold, which
  // `scan` has just collected for it.
  void Reset(std::string_view text, const CandidateScan* scan, const std::vector<uint32_t>& candidates) {
    text_ = text;
    scan_ = scan;
    asked_ = false;
    ++question_;
    for (const uint32_t leaf : candidates) marked_[leaf] = question_;
  }
  std::string_view text() const { return text_; }
  bool MayHold(uint32_t leaf) const { return marked_[leaf] == question_; }
  // Of a leaf that may hold: where its windows start.
  PrefilterSearch::Span SpanOf(uint32_t leaf) const { return scan_->SpanOf(leaf); }
  Severity severity() {
    if (!asked_) severity_ = reader_.Of(text_);
    asked_ = true;
    return severity_;
  }

 private:
  std::string_view text_;
  const CandidateScan* scan_ = nullptr;
  // Of each leaf the record, by number, in which it was last a candidate.
  std::vector<uint64_t> marked_;
  uint64_t question_ = 0;
  bool asked_ = false;
  Severity severity_ = Severity::kUnknown;
  SeverityReader reader_;
};

class Condition {
 public:
  // Adds what its leaves require to `leaves`, of which one index is made for all conditions; it refers to this one's
  // memory. Null: refused, and `error` says why (for patterns in RE2's words). `prefilters` off gives the same answers,
  // slower: that is how tests hold them to account.
  static std::unique_ptr<Condition> Prepare(ConditionSpec&& spec, bool prefilters,
                                            std::vector<CandidateIndex::Requirement>* leaves, std::string* error);
  ~Condition();

  // Does it hold? Not const: buffers are kept from one record to the next, so one thread at a time.
  bool Holds(RecordView& record);
  // Does every leaf stand in the index? Then it answers alike for all records that are candidates for none.
  bool indexed() const;

 private:
  explicit Condition(ConditionCode code) : code_(code) {}

  bool PrepareLeaf(ConditionSpec&& spec, bool prefilters, std::string* error);
  bool LeafHolds(RecordView& record);
  bool HasPattern(const RecordView& record) const;

  static constexpr uint32_t kNoLeaf = UINT32_MAX;

  const ConditionCode code_;
  // Its number in the index; kNoLeaf: not in it, every record is looked at in full.
  uint32_t leaf_ = kNoLeaf;
  std::vector<std::unique_ptr<Condition>> parts_;
  std::string literal_;
  // The prefilter's window is the whole literal: where it fits nothing is left to compare.
  bool window_is_all_ = false;
  std::unique_ptr<re2::RE2> pattern_;
  // Null: RE2 searches.
  std::unique_ptr<FixedPattern> fixed_;
  // What the index knows of it.
  std::unique_ptr<Prefilter> prefilter_;
  std::unique_ptr<AttributeFilter> attribute_;
  Severity at_least_ = Severity::kUnknown;
};

}  // namespace streamgate
