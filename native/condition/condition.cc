// See condition.h.
#include "condition/condition.h"

#include <algorithm>
#include <utility>

#include "match/literal.h"
#include "match/pattern.h"

namespace streamgate {

std::unique_ptr<Condition> Condition::Prepare(ConditionSpec&& spec, bool prefilters,
                                              std::vector<CandidateIndex::Requirement>* leaves, std::string* error) {
  std::unique_ptr<Condition> condition(new Condition(spec.code));
  // As deep as the decoder let conditions lie in one another.
  for (ConditionSpec& part : spec.parts) {
    condition->parts_.push_back(Prepare(std::move(part), prefilters, leaves, error));
    if (condition->parts_.back() == nullptr) return nullptr;
  }
  if (!condition->PrepareLeaf(std::move(spec), prefilters, error)) return nullptr;
  if (condition->prefilter_ != nullptr) {
    condition->leaf_ = static_cast<uint32_t>(leaves->size());
    leaves->push_back({condition->prefilter_.get(), false});
  }
  return condition;
}

Condition::~Condition() = default;

bool Condition::PrepareLeaf(ConditionSpec&& spec, bool prefilters, std::string* error) {
  switch (spec.code) {
    case ConditionCode::kAll:
    case ConditionCode::kAny:
    case ConditionCode::kNot:
      return true;
    case ConditionCode::kLiteral:
      literal_ = std::move(spec.values[0]);
      if (prefilters && !literal_.empty()) prefilter_ = Prefilter::OfLiteral(literal_);
      window_is_all_ = prefilter_ != nullptr && literal_.size() <= Window::kBytesMax;
      return true;
    case ConditionCode::kPattern:
      pattern_ = CompilePattern(spec.values[0], error);
      if (pattern_ == nullptr) return false;
      if (prefilters) prefilter_ = Prefilter::Of(*pattern_);
      if (prefilter_ != nullptr) fixed_ = FixedPattern::Of(*pattern_);
      return true;
    case ConditionCode::kAttribute:
      attribute_ = AttributeFilter::Prepare(static_cast<AttributeOperator>(spec.detail), spec.values, spec.paths, error,
                                            prefilters);
      if (attribute_ == nullptr) return false;
      prefilter_ = attribute_->TakePrefilter();
      return true;
    case ConditionCode::kSeverity:
      at_least_ = static_cast<Severity>(spec.detail);
      if (at_least_ == Severity::kUnknown) *error = "a condition asks for no severity";
      return at_least_ != Severity::kUnknown;
  }
  *error = "unknown condition";
  return false;
}

bool Condition::Holds(RecordView& record) {
  const auto holds = [&record](const std::unique_ptr<Condition>& part) { return part->Holds(record); };
  switch (code_) {
    case ConditionCode::kAll:
      return std::all_of(parts_.begin(), parts_.end(), holds);
    case ConditionCode::kAny:
      return std::any_of(parts_.begin(), parts_.end(), holds);
    case ConditionCode::kNot:
      return !parts_[0]->Holds(record);
    default:
      return (leaf_ == kNoLeaf || record.MayHold(leaf_)) && LeafHolds(record);
  }
}

bool Condition::LeafHolds(RecordView& record) {
  switch (code_) {
    case ConditionCode::kLiteral:
      return window_is_all_ || ContainsLiteral(record.text(), literal_);
    case ConditionCode::kPattern:
      return HasPattern(record);
    case ConditionCode::kAttribute:
      return attribute_->Matches(record.text().data(), record.text().size());
    case ConditionCode::kSeverity:
      return record.severity() >= at_least_;
    default:
      return false;
  }
}

bool Condition::HasPattern(const RecordView& record) const {
  if (fixed_ == nullptr) return ContainsPattern(*pattern_, record.text());
  PrefilterSearch search(*prefilter_, record.text(), record.SpanOf(leaf_));
  return !fixed_->Find(record.text(), 0, &search).empty();
}

bool Condition::indexed() const {
  if (parts_.empty() && code_ != ConditionCode::kAll && code_ != ConditionCode::kAny) return leaf_ != kNoLeaf;
  return std::all_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->indexed(); });
}

}  // namespace streamgate
