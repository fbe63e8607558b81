// See syslog_filter.h.
#include "syslog/syslog_filter.h"

#include <cstdint>
#include <utility>

namespace streamgate {
namespace {

// The longest part of a text that a parameter's value spells as it is: without what may, or must, stand behind a
// backslash. Other fields are their own text.
std::string_view PlainPart(std::string_view text, bool param) {
  if (!param) return text;
  std::string_view longest;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of("\"\\]", at), text.size());
    if (end - at > longest.size()) longest = text.substr(at, end - at);
    at = end + 1;
  }
  return longest;
}

}  // namespace

std::unique_ptr<SyslogFilter> SyslogFilter::Prepare(AttributeOperator op, const std::vector<std::string>& values,
                                                    std::string_view field, std::string* error, bool prefilters) {
  std::unique_ptr<SyslogFilter> filter(new SyslogFilter());
  if (!filter->reader_.Use(field)) {
    *error = "a condition asks for a syslog field that does not exist";
    return nullptr;
  }
  filter->comparison_ = Comparison::Prepare(op, values, error);
  if (filter->comparison_ == nullptr) return nullptr;
  if (prefilters) filter->Derive();
  return filter;
}

// What a record that matches holds: the field's text stands in it, but for the names of severities and facilities.
void SyslogFilter::Derive() {
  const SyslogField field = reader_.field();
  if (field == SyslogField::kSeverity || field == SyslogField::kFacility) return;
  switch (comparison_->op()) {
    case AttributeOperator::kEquals:
    case AttributeOperator::kContains:
    case AttributeOperator::kStartsWith:
    case AttributeOperator::kEndsWith: {
      std::vector<Prefilter::Factor> factors;
      if (comparison_->values().size() > Prefilter::kFactorsMax) return;
      for (const std::string& value : comparison_->values()) {
        const std::string_view plain = PlainPart(value, field == SyslogField::kParam);
        if (plain.empty()) return;
        factors.push_back(Prefilter::FactorOfLiteral(plain));
      }
      prefilter_ = std::make_unique<Prefilter>(std::move(factors));
      return;
    }
    case AttributeOperator::kRegex: {
      // A parameter's value may be written otherwise than it reads.
      if (field == SyslogField::kParam) return;
      const std::unique_ptr<Prefilter> derived = Prefilter::Of(*comparison_->pattern());
      if (derived == nullptr) return;
      std::vector<Prefilter::Factor> factors;
      for (const Prefilter::Factor& factor : derived->factors())
        factors.push_back({factor.window, Prefilter::kAnywhere});
      prefilter_ = std::make_unique<Prefilter>(std::move(factors));
      return;
    }
    case AttributeOperator::kDiffers:
    case AttributeOperator::kExists:
    case AttributeOperator::kGreater:
    case AttributeOperator::kLess:
      return;
  }
}

bool SyslogFilter::Matches(const SyslogMessage& message) {
  if (comparison_->compares_numbers()) {
    double number = 0;
    return reader_.Number(message, &number) && comparison_->AcceptsNumber(number);
  }
  std::string_view text;
  return reader_.Text(message, &text) && comparison_->Accepts(text);
}

}  // namespace streamgate
