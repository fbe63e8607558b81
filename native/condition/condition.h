// Conditions over one record: a tree of all, any and not whose leaves look for texts, patterns, attributes, syslog
// fields and the severity, or at where and when the record came. One scan over the records tells which leaves of
// outputs' filters may hold in which of them, as it does for a plan's steps. Twin of
// src/data/engine/portable/condition/condition.ts; what users write is read in src/conditions/.
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
#include "plan/record_context.h"
#include "re2/re2.h"
#include "severity/severity.h"
#include "syslog/message.h"
#include "syslog/syslog_filter.h"

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
    Reset(text);
    scan_ = scan;
    ++question_;
    for (const uint32_t leaf : candidates) marked_[leaf] = question_;
  }
  // The same for conditions that stand in no index.
  void Reset(std::string_view text) {
    text_ = text;
    asked_ = false;
    read_ = false;
  }
  // Where the records that follow came from; borrowed until the next call.
  void Place(const RecordContext* context) { context_ = context; }
  const RecordContext& context() const { return *context_; }
  std::string_view text() const { return text_; }
  bool MayHold(uint32_t leaf) const { return marked_[leaf] == question_; }
  // Of a leaf that may hold: where its windows start.
  PrefilterSearch::Span SpanOf(uint32_t leaf) const { return scan_->SpanOf(leaf); }
  Severity severity() {
    if (!asked_) severity_ = reader_.Of(text_);
    asked_ = true;
    return severity_;
  }
  const SyslogMessage& syslog() {
    if (!read_) syslog_ = ReadSyslog(text_);
    read_ = true;
    return syslog_;
  }

 private:
  std::string_view text_;
  const RecordContext* context_ = nullptr;
  const CandidateScan* scan_ = nullptr;
  // Of each leaf the record, by number, in which it was last a candidate.
  std::vector<uint64_t> marked_;
  uint64_t question_ = 0;
  bool asked_ = false;
  Severity severity_ = Severity::kUnknown;
  SeverityReader reader_;
  bool read_ = false;
  SyslogMessage syslog_;
};

class Condition {
 public:
  // Adds what its leaves require to `leaves`, of which one index is made for all conditions; it refers to this one's
  // memory. `leaves` null: the condition stands in no index, and looks at each record it is asked about. Null: refused,
  // and `error` says why (for patterns in RE2's words). `prefilters` off gives the same answers, slower: that is how
  // tests hold them to account.
  static std::unique_ptr<Condition> Prepare(ConditionSpec&& spec, bool prefilters,
                                            std::vector<CandidateIndex::Requirement>* leaves, std::string* error);
  ~Condition();

  // Does it hold? `unknown`: what a question for a source or transport that is not known answers. Not const: buffers
  // are kept from one record to the next, so one thread at a time.
  bool Holds(RecordView& record, bool unknown = false);
  // Of one that stands in no index: what a text must contain where it holds, whatever else. Null: nothing can be said.
  std::unique_ptr<Prefilter> Required() const;
  // Does every leaf stand in the index? Then it answers alike for all records that are candidates for none.
  bool indexed() const;

 private:
  explicit Condition(ConditionCode code) : code_(code) {}

  bool PrepareLeaf(ConditionSpec&& spec, bool prefilters, std::string* error);
  bool LeafHolds(RecordView& record, bool unknown);
  bool HasSource(const BlockSource& source) const;
  bool IsTime(double received_at_ms) const;
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
  std::unique_ptr<SyslogFilter> syslog_;
  Severity at_least_ = Severity::kUnknown;
  struct Network {
    uint8_t family;
    uint8_t bits;
    uint8_t address[16];
  };
  std::vector<Network> networks_;
  // Bit n: Transport n.
  uint16_t transports_ = 0;
  uint32_t period_ms_ = 0;
  uint32_t length_ms_ = 0;
};

}  // namespace streamgate
