// A plan made ready: RE2 programs, literals and tables. Belongs to one thread; an engine and its maker share it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "attribute/attribute_filter.h"
#include "match/prefilter.h"
#include "match/replace.h"
#include "plan/decode.h"
#include "re2/re2.h"

namespace streamgate {

struct DropLiteral {
  std::string literal;
  // The window is the whole literal: where it fits nothing is left to compare.
  bool window_is_all;
};
struct DropPattern {
  std::unique_ptr<re2::RE2> pattern;
};
struct ReplacePattern {
  std::unique_ptr<Replacement> replacement;
  bool limited;
};
struct DropAttribute {
  std::unique_ptr<AttributeFilter> filter;
};

struct Step {
  uint32_t rule;
  // Null: every record is looked at in full.
  std::unique_ptr<Prefilter> prefilter;
  std::variant<DropLiteral, DropPattern, ReplacePattern, DropAttribute> what;
};

struct PreparedPlan {
  uint32_t rules = 0;
  std::vector<Step> steps;
};

// Null: an operation is refused; `rule` is the one that it belongs to and `error` says why (for patterns in RE2's
// words). `prefilters` off gives the same results, slower: that is how tests hold them to account.
std::unique_ptr<PreparedPlan> Prepare(DecodedPlan&& plan, bool prefilters, uint32_t* rule, std::string* error);

}  // namespace streamgate
