// See comparison.h.
#include "attribute/comparison.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/charconv.h"
#include "re2/re2.h"

namespace streamgate {
namespace {

// Does this text match attributeNumber of src/plan/operations.ts?
bool IsNumber(std::string_view text) {
  size_t at = 0;
  const auto digits = [&](size_t digits_max) {
    const size_t from = at;
    while (at < text.size() && at - from < digits_max && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  if (text.size() > kAttributeNumberBytesMax) return false;
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  if (digits(zero ? 1 : kAttributeNumberBytesMax) == 0) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits(kAttributeNumberBytesMax) == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits(2) == 0) return false;
  }
  return at == text.size();
}

}  // namespace

bool Contains(std::string_view text, std::string_view part) {
#if defined(__linux__) || defined(__APPLE__)
  // Two-way search in glibc and musl: linear where string_view::find is quadratic ("aaab" in "aaaa...").
  return part.empty() || memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
#else
  return text.find(part) != std::string_view::npos;
#endif
}

bool ReadNumber(std::string_view text, double* number) {
  return IsNumber(text) && absl::from_chars(text.data(), text.data() + text.size(), *number).ec == std::errc();
}

std::unique_ptr<Comparison> Comparison::Prepare(AttributeOperator op, const std::vector<std::string>& values,
                                                std::string* error) {
  const bool several = op == AttributeOperator::kEquals || op == AttributeOperator::kDiffers;
  const size_t wanted = op == AttributeOperator::kExists ? 0 : 1;
  if (op > AttributeOperator::kLess || values.size() < wanted || (values.size() > wanted && !several)) {
    *error = "an attribute's operator is unknown, or it takes another number of values";
    return nullptr;
  }
  std::unique_ptr<re2::RE2> pattern;
  if (op == AttributeOperator::kRegex) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    pattern = std::make_unique<re2::RE2>(values[0], options);
    if (!pattern->ok()) {
      *error = pattern->error();
      return nullptr;
    }
  }
  double limit = 0;
  if ((op == AttributeOperator::kGreater || op == AttributeOperator::kLess) && !ReadNumber(values[0], &limit)) {
    *error = "an attribute is compared with what is no number";
    return nullptr;
  }
  return std::unique_ptr<Comparison>(new Comparison(op, values, limit, std::move(pattern)));
}

Comparison::Comparison(AttributeOperator op, std::vector<std::string> values, double limit,
                       std::unique_ptr<re2::RE2> pattern)
    : op_(op), values_(std::move(values)), limit_(limit), pattern_(std::move(pattern)) {}

Comparison::~Comparison() = default;

bool Comparison::Accepts(std::string_view text) const {
  double number = 0;
  switch (op_) {
    case AttributeOperator::kEquals:
      return std::find(values_.begin(), values_.end(), text) != values_.end();
    case AttributeOperator::kContains:
      return Contains(text, values_[0]);
    case AttributeOperator::kRegex:
      return pattern_->Match(text, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
    case AttributeOperator::kStartsWith:
      return text.substr(0, values_[0].size()) == values_[0];
    case AttributeOperator::kEndsWith:
      return text.size() >= values_[0].size() && text.substr(text.size() - values_[0].size()) == values_[0];
    case AttributeOperator::kDiffers:
      return std::find(values_.begin(), values_.end(), text) == values_.end();
    case AttributeOperator::kExists:
      return true;
    case AttributeOperator::kGreater:
    case AttributeOperator::kLess:
      return ReadNumber(text, &number) && AcceptsNumber(number);
  }
  return false;
}

bool Comparison::AcceptsNumber(double number) const {
  return op_ == AttributeOperator::kGreater ? number > limit_ : number < limit_;
}

}  // namespace streamgate
