// How a text that a record holds, a JSON attribute or a field of syslog, compares with what a rule or a condition asks
// for. Twin of src/data/engine/portable/attribute/comparison.ts.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generated/layout.h"

namespace re2 {
class RE2;
}

namespace streamgate {

// False: the text is no number (attributeNumber of src/plan/operations.ts). Asks no locale, and rounds as IEEE 754 and
// JavaScript do.
bool ReadNumber(std::string_view text, double* number);

// Everything contains the empty text. Linear, whatever the texts, where the C library is.
bool Contains(std::string_view text, std::string_view part);

class Comparison {
 public:
  // `values`: as many as the operator takes. Null: refused, and `error` says why (for patterns in RE2's words).
  static std::unique_ptr<Comparison> Prepare(AttributeOperator op, const std::vector<std::string>& values,
                                             std::string* error);
  ~Comparison();

  AttributeOperator op() const { return op_; }
  const std::vector<std::string>& values() const { return values_; }
  // Of kRegex, else null.
  const re2::RE2* pattern() const { return pattern_.get(); }

  bool Accepts(std::string_view text) const;
  // For kGreater and kLess, which ask for a number and not for its text.
  bool compares_numbers() const { return op_ == AttributeOperator::kGreater || op_ == AttributeOperator::kLess; }
  bool AcceptsNumber(double number) const;

 private:
  Comparison(AttributeOperator op, std::vector<std::string> values, double limit, std::unique_ptr<re2::RE2> pattern);

  const AttributeOperator op_;
  const std::vector<std::string> values_;
  // What kGreater and kLess compare with.
  const double limit_;
  const std::unique_ptr<re2::RE2> pattern_;
};

}  // namespace streamgate
