// Conditions over one record: a tree of all, any and not whose leaves look for texts, patterns, attributes and the
// severity. Twin of src/data/engine/portable/condition/condition.ts; what users write is read in src/conditions/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/attribute_filter.h"
#include "match/fixed.h"
#include "match/prefilter.h"
#include "plan/operation.h"
#include "re2/re2.h"
#include "severity/severity.h"

namespace streamgate {

// A record as conditions look at it: what several of them ask is found out once.
class RecordView {
 public:
  // `text` is borrowed until the next Reset. Not null, also when it is empty.
  void Reset(std::string_view text) {
    text_ = text;
    asked_ = false;
  }
  std::string_view text() const { return text_; }
  Severity severity() {
    if (!asked_) severity_ = reader_.Of(text_);
    asked_ = true;
    return severity_;
  }

 private:
  std::string_view text_;
  bool asked_ = false;
  Severity severity_ = Severity::kUnknown;
  SeverityReader reader_;
};

class Condition {
 public:
  // Null: refused, and `error` says why (for patterns in RE2's words). `prefilters` off gives the same answers, slower:
  // that is how tests hold them to account.
  static std::unique_ptr<Condition> Prepare(ConditionSpec&& spec, bool prefilters, std::string* error);
  ~Condition();

  // Does it hold? Not const: buffers are kept from one record to the next, so one thread at a time.
  bool Holds(RecordView& record);

 private:
  explicit Condition(ConditionCode code) : code_(code) {}

  bool PrepareLeaf(ConditionSpec&& spec, bool prefilters, std::string* error);
  bool HasLiteral(std::string_view text) const;
  bool HasPattern(std::string_view text) const;

  const ConditionCode code_;
  std::vector<std::unique_ptr<Condition>> parts_;
  std::string literal_;
  // The prefilter's window is the whole literal: where it fits nothing is left to compare.
  bool window_is_all_ = false;
  std::unique_ptr<re2::RE2> pattern_;
  // Null: RE2 searches.
  std::unique_ptr<FixedPattern> fixed_;
  // Of a literal or pattern. Null: every record is looked at in full.
  std::unique_ptr<Prefilter> prefilter_;
  std::unique_ptr<AttributeFilter> attribute_;
  Severity at_least_ = Severity::kUnknown;
};

}  // namespace streamgate
