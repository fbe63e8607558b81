// See condition.h.
#include "condition/condition.h"

#include <algorithm>
#include <cmath>
#include <cstring>
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
  if (condition->prefilter_ != nullptr && leaves != nullptr) {
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
    case ConditionCode::kSyslog:
      syslog_ = SyslogFilter::Prepare(static_cast<AttributeOperator>(spec.detail), spec.values, spec.paths[0], error,
                                      prefilters);
      if (syslog_ == nullptr) return false;
      prefilter_ = syslog_->TakePrefilter();
      return true;
    case ConditionCode::kSeverity:
      at_least_ = static_cast<Severity>(spec.detail);
      if (at_least_ == Severity::kUnknown) *error = "a condition asks for no severity";
      return at_least_ != Severity::kUnknown;
    case ConditionCode::kSource:
      for (const std::string& value : spec.values) {
        Network network = {};
        const size_t bytes = value.size() - 1;
        if (value.empty() || (bytes != 4 && bytes != 16) || static_cast<uint8_t>(value[0]) > 8 * bytes) {
          *error = "a condition names a network that is none";
          return false;
        }
        network.family = bytes == 4 ? 4 : 6;
        network.bits = static_cast<uint8_t>(value[0]);
        std::memcpy(network.address, value.data() + 1, bytes);
        networks_.push_back(network);
      }
      return true;
    case ConditionCode::kTransport:
      transports_ = spec.detail;
      return true;
    case ConditionCode::kTime:
      if (spec.values[0].size() == 8) {
        std::memcpy(&period_ms_, spec.values[0].data(), 4);
        std::memcpy(&length_ms_, spec.values[0].data() + 4, 4);
      }
      if (period_ms_ == 0) *error = "a condition's time has no period";
      return period_ms_ != 0;
  }
  *error = "unknown condition";
  return false;
}

bool Condition::Holds(RecordView& record, bool unknown) {
  const auto holds = [&record, unknown](const std::unique_ptr<Condition>& part) {
    return part->Holds(record, unknown);
  };
  switch (code_) {
    case ConditionCode::kAll:
      return std::all_of(parts_.begin(), parts_.end(), holds);
    case ConditionCode::kAny:
      return std::any_of(parts_.begin(), parts_.end(), holds);
    case ConditionCode::kNot:
      return !parts_[0]->Holds(record, !unknown);
    default:
      return (leaf_ == kNoLeaf || record.MayHold(leaf_)) && LeafHolds(record, unknown);
  }
}

bool Condition::LeafHolds(RecordView& record, bool unknown) {
  switch (code_) {
    case ConditionCode::kLiteral:
      return (window_is_all_ && leaf_ != kNoLeaf) || ContainsLiteral(record.text(), literal_);
    case ConditionCode::kPattern:
      return HasPattern(record);
    case ConditionCode::kAttribute:
      // The index has asked it already.
      if (leaf_ == kNoLeaf && prefilter_ != nullptr &&
          prefilter_->SearchFrom(record.text(), 0) == std::string_view::npos)
        return false;
      return attribute_->Matches(record.text().data(), record.text().size());
    case ConditionCode::kSyslog:
      return syslog_->Matches(record.syslog());
    case ConditionCode::kSeverity:
      return record.severity() >= at_least_;
    case ConditionCode::kSource: {
      const BlockSource& source = record.context().source;
      return source.family == 0 ? unknown : HasSource(source);
    }
    case ConditionCode::kTransport: {
      const Transport transport = record.context().source.transport;
      return transport == Transport::kUnknown ? unknown : (transports_ >> static_cast<unsigned>(transport) & 1) != 0;
    }
    case ConditionCode::kTime:
      return IsTime(record.context().received_at_ms);
    default:
      return false;
  }
}

bool Condition::HasSource(const BlockSource& source) const {
  return std::any_of(networks_.begin(), networks_.end(), [&source](const Network& network) {
    const size_t whole = network.bits / 8;
    const unsigned rest = network.bits % 8;
    return network.family == source.family && std::memcmp(network.address, source.address, whole) == 0 &&
           (rest == 0 || (network.address[whole] ^ source.address[whole]) >> (8 - rest) == 0);
  });
}

bool Condition::IsTime(double received_at_ms) const {
  return std::fmod(std::floor(received_at_ms), static_cast<double>(period_ms_)) < static_cast<double>(length_ms_);
}

std::unique_ptr<Prefilter> Condition::Required() const {
  if (prefilter_ != nullptr) return std::make_unique<Prefilter>(prefilter_->factors());
  if (code_ == ConditionCode::kAll) {
    for (const auto& part : parts_)
      if (std::unique_ptr<Prefilter> required = part->Required()) return required;
  }
  if (code_ != ConditionCode::kAny) return nullptr;
  std::vector<Prefilter::Factor> factors;
  for (const auto& part : parts_) {
    const std::unique_ptr<Prefilter> required = part->Required();
    if (required == nullptr) return nullptr;
    factors.insert(factors.end(), required->factors().begin(), required->factors().end());
  }
  if (factors.empty() || factors.size() > Prefilter::kFactorsMax) return nullptr;
  return std::make_unique<Prefilter>(std::move(factors));
}

bool Condition::HasPattern(const RecordView& record) const {
  if (fixed_ == nullptr) return ContainsPattern(*pattern_, record.text());
  if (leaf_ == kNoLeaf) {
    PrefilterSearch search(*prefilter_, record.text());
    return !fixed_->Find(record.text(), 0, &search).empty();
  }
  PrefilterSearch search(*prefilter_, record.text(), record.SpanOf(leaf_));
  return !fixed_->Find(record.text(), 0, &search).empty();
}

bool Condition::indexed() const {
  if (parts_.empty() && code_ != ConditionCode::kAll && code_ != ConditionCode::kAny) return leaf_ != kNoLeaf;
  return std::all_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->indexed(); });
}

}  // namespace streamgate
