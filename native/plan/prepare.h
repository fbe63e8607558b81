// A plan made ready: RE2 programs, literals and tables. Belongs to one thread; an engine and its maker share it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "attribute/attribute_filter.h"
#include "condition/condition.h"
#include "detect/redaction.h"
#include "match/candidate_index.h"
#include "match/fixed.h"
#include "match/prefilter.h"
#include "match/replace.h"
#include "plan/decode.h"
#include "re2/re2.h"
#include "re2/set.h"
#include "reduce/dedupe_step.h"
#include "reduce/sample_step.h"
#include "reduce/throttle_step.h"

namespace streamgate {

struct DropLiteral {
  std::string literal;
  // The window is the whole literal: where it fits nothing is left to compare.
  bool window_is_all;
};
struct DropPattern {
  std::unique_ptr<re2::RE2> pattern;
  // Null: RE2 searches.
  std::unique_ptr<FixedPattern> fixed;
};
struct ReplacePattern {
  std::unique_ptr<Replacement> replacement;
  bool limited;
};
struct DropAttribute {
  std::unique_ptr<AttributeFilter> filter;
};
struct Redact {
  std::unique_ptr<Redaction> redaction;
  bool limited;
  // Of its selectors' cells, behind the routes'.
  size_t cells = 0;
};
struct Drop {};
struct SetRoute {
  // Bit n: output n.
  uint64_t routes;
};

struct Step {
  uint32_t rule;
  // Never skipped, and careful where something is not known.
  bool protect = false;
  // Only counts what it would do.
  bool shadow = false;
  // The records that it looks at. Null: all.
  std::unique_ptr<Condition> when;
  // Null: every record is looked at in full.
  std::unique_ptr<Prefilter> prefilter;
  // Index in the plan's set; -1: not in it.
  int set_member = -1;
  std::variant<DropLiteral, DropPattern, ReplacePattern, DropAttribute, Redact, Drop, SetRoute, SampleStep, DedupeStep,
               ThrottleStep>
      what;

  bool remembers() const {
    return std::holds_alternative<DedupeStep>(what) || std::holds_alternative<ThrottleStep>(what);
  }
};

// Which records an output gets.
struct Route {
  // Its bit in a batch entry's routes, low word first.
  uint64_t bit;
  std::unique_ptr<Condition> condition;
};

struct PreparedPlan {
  uint32_t rules = 0;
  uint64_t seed = 0;
  // Finds a JSON record's service. Null: no rule is in shadow.
  std::unique_ptr<AttributeFilter> service;
  // Of each rule the name of what it remembers; 0: it remembers nothing.
  std::vector<uint64_t> states;
  std::vector<Step> steps;
  // Of each rule: has it steps in shadow?
  std::vector<bool> shadows;
  // Of the outputs that do not get every record, in the order of their cells.
  std::vector<Route> routes;
  // The bits of all outputs, where there are routes.
  uint64_t outputs = 0;
  // Cells of selectors (src/plan/redact_counts.ts).
  size_t selector_cells = 0;
  // Of the routes' conditions, all of them together. Refers to them.
  std::unique_ptr<CandidateIndex> route_index;
  // Every leaf is in it, so records that hold nothing for it have these routes.
  bool routes_indexed = false;
  uint64_t quiet_routes = UINT64_MAX;
  // Of the steps with a prefilter. Refers to them, and numbers not steps but their places in `indexed`.
  std::unique_ptr<CandidateIndex> index;
  // What is in the index, in the order of the steps: a step, or of one that redacts each selector.
  struct Indexed {
    uint32_t step;
    uint32_t selector;
  };
  std::vector<Indexed> indexed;
  // Of each step its first place there.
  std::vector<uint32_t> places;
  // The others, ascending: every record is theirs to look at.
  std::vector<uint32_t> unfiltered;
  // Patterns among them, asked all at once. Null: fewer than two, or too large together.
  std::unique_ptr<re2::RE2::Set> set;
  int set_members = 0;
};

// Cells that the plan's counts have.
inline size_t CountCellsOf(const PreparedPlan& plan) {
  return kCountCellsFixed + size_t{plan.rules} * kCountCellsPerRule + plan.routes.size() * kCountCellsPerRoute +
         plan.selector_cells;
}

// Null: an operation or a condition is refused; `rule` is the one that it belongs to, or as many as there are rules and
// the number of its output, and `error` says why (for patterns in RE2's words). `prefilters` off gives the same
// results, slower: that is how tests hold them to account.
std::unique_ptr<PreparedPlan> Prepare(DecodedPlan&& plan, bool prefilters, uint32_t* rule, std::string* error);

}  // namespace streamgate
