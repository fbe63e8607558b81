// See run.h.
#include "plan/run.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "match/literal.h"
#include "match/pattern.h"

namespace streamgate {
namespace {

bool Contains(const DropPattern& drop, const Prefilter* prefilter, const CandidateScan& scan, uint32_t step,
              std::string_view text) {
  if (drop.fixed == nullptr) return ContainsPattern(*drop.pattern, text);
  PrefilterSearch search(*prefilter, text, scan.SpanOf(step));
  return !drop.fixed->Find(text, 0, &search).empty();
}

}  // namespace

void Runner::Use(std::shared_ptr<PreparedPlan> plan, double* counts) {
  plan_ = std::move(plan);
  counts_ = counts;
  changes_.clear();
  const CandidateIndex* const index = plan_ == nullptr ? nullptr : plan_->index.get();
  scan_.Use(index);
  scan_apart_.Use(index);
  all_filtered_ = plan_ != nullptr && plan_->unfiltered.empty();
  routed_ = plan_ != nullptr && !plan_->routes.empty();
  const CandidateIndex* const route_index = routed_ ? plan_->route_index.get() : nullptr;
  route_scan_.Use(route_index);
  route_scan_apart_.Use(route_index);
  view_.Use(routed_ ? route_index->steps() : 0);
  if (plan_ == nullptr) return;
  changes_.reserve(plan_->steps.size());
  candidates_.reserve(plan_->steps.size());
  set_matches_.reserve(static_cast<size_t>(plan_->set_members));
  set_seen_.assign(static_cast<size_t>(plan_->set_members), 0);
  set_question_ = 0;
}

void Runner::Begin(const char* region_begin, const char* region_end) {
  batch_.Begin();
  region_begin_ = region_begin;
  region_end_ = region_end;
  scan_.Reset(region_begin, region_end);
  if (routed_) route_scan_.Reset(region_begin, region_end);
}

void Runner::CollectApart(std::string_view text) {
  candidates_.clear();
  scan_apart_.Reset(text.data(), text.data() + text.size());
  scan_apart_.Collect(text, &candidates_);
}

bool Runner::AskSet(int member, std::string_view text, bool* certain) {
  if (set_answer_ == SetAnswer::kNotAsked) {
    ++set_question_;
    re2::RE2::Set::ErrorInfo error = {};
    const bool any = plan_->set->Match(text, &set_matches_, &error);
    set_answer_ = any || error.kind == re2::RE2::Set::kNoError ? SetAnswer::kTold : SetAnswer::kFailed;
    if (any)
      for (const int match : set_matches_) set_seen_[static_cast<size_t>(match)] = set_question_;
  }
  // A set that ran out of memory has told nothing: each pattern looks for itself.
  if (set_answer_ == SetAnswer::kFailed) return true;
  return *certain = set_seen_[static_cast<size_t>(member)] == set_question_;
}

size_t Runner::RunAll(const Record* records, size_t count) {
  size_t i = 0;
  for (; i < count; ++i) {
    const Record& record = records[i];
    const std::string_view text(record.data, record.size);
    if (all_filtered_ && scan_.QuietUpTo(record.data + record.size)) {
      if (!Pass(record, text, false)) break;
      continue;
    }
    const uint32_t decided = scan_.Decided(text);
    if (decided != CandidateScan::kUndecided) {
      changes_.clear();
      Drop(record, plan_->steps[decided].rule);
    } else if (!RunSteps(record, true)) {
      break;
    }
  }
  return i;
}

bool Runner::RunSteps(const Record& record, bool in_region) {
  std::string_view text(record.data, record.size);
  bool changed = false;
  int spare = 0;
  changes_.clear();
  if (in_region) {
    candidates_.clear();
    scan_.Collect(text, &candidates_);
  } else {
    CollectApart(text);
  }
  set_answer_ = SetAnswer::kNotAsked;
  const CandidateScan* scan = in_region ? &scan_ : &scan_apart_;
  auto candidate = candidates_.cbegin();
  auto unfiltered = plan_->unfiltered.cbegin();
  for (;;) {
    uint32_t i;
    if (candidate != candidates_.cend() && (unfiltered == plan_->unfiltered.cend() || *candidate < *unfiltered)) {
      i = *candidate++;
    } else if (unfiltered != plan_->unfiltered.cend()) {
      i = *unfiltered++;
    } else {
      break;
    }
    const Step& step = plan_->steps[i];
    bool certain;
    if (!MayMatchInSet(step, text, &certain)) continue;
    if (const auto* literal = std::get_if<DropLiteral>(&step.what)) {
      const bool found = step.prefilter != nullptr && literal->window_is_all;
      if (!found && !ContainsLiteral(text, literal->literal)) continue;
    } else if (const auto* pattern = std::get_if<DropPattern>(&step.what)) {
      if (!certain && !Contains(*pattern, step.prefilter.get(), *scan, i, text)) continue;
    } else if (const auto* attribute = std::get_if<DropAttribute>(&step.what)) {
      if (!attribute->filter->Matches(text.data(), text.size())) continue;
    } else {
      const auto& replace = std::get<ReplacePattern>(step.what);
      Limits limits{UINT64_MAX, uint64_t{kOutputGrowthFactor} * record.size + kOutputGrowthBytes};
      if (replace.limited)
        limits.matches_max = std::max<uint64_t>(1, kMatchBudgetBytes / std::max<uint64_t>(1, text.size()));
      uint64_t matches = 0;
      std::optional<PrefilterSearch> search;
      if (step.prefilter != nullptr) search.emplace(*step.prefilter, text, scan->SpanOf(i));
      const QuarantineCause cause =
          replace.replacement->Run(text, search.has_value() ? &*search : nullptr, limits, &scratch_[spare], &matches);
      if (cause != QuarantineCause::kNone) return Quarantine(record, step.rule, cause);
      if (matches == 0) continue;
      // The next rule reads this buffer and writes the other.
      text = std::string_view(scratch_[spare].data(), scratch_[spare].size());
      spare = 1 - spare;
      changed = true;
      changes_.push_back({step.rule, matches});
      set_answer_ = SetAnswer::kNotAsked;
      if (i + 1 < plan_->steps.size()) CollectApart(text);
      scan = &scan_apart_;
      candidate = std::upper_bound(candidates_.cbegin(), candidates_.cend(), i);
      continue;
    }
    Drop(record, step.rule);
    return true;
  }
  if (!Pass(record, text, changed)) return false;
  CountChanges();
  return true;
}

bool Runner::PassRouted(const Record& record, std::string_view text, bool changed) {
  const bool in_region = !changed && record.data >= region_begin_ && record.data + record.size <= region_end_;
  const bool quiet = in_region && plan_->routes_indexed && route_scan_.QuietUpTo(record.data + record.size);
  const uint64_t routes = quiet ? plan_->quiet_routes : RoutesOf(text, in_region);
  if ((routes & plan_->outputs) != 0) {
    if (!batch_.Fits(text.size())) {
      need_bytes_ = static_cast<uint32_t>(text.size() + 1);
      return false;
    }
    batch_.Append(text.data(), static_cast<uint32_t>(text.size()), !changed && record.lf_follows, routes);
  }
  CountPassed(record, text);
  for (size_t i = 0; i < plan_->routes.size(); ++i) {
    if ((routes & plan_->routes[i].bit) != 0) continue;
    double* const cells = RouteCounts(i);
    cells[static_cast<uint32_t>(RouteCell::kFilteredRecords)] += 1;
    cells[static_cast<uint32_t>(RouteCell::kFilteredBytes)] += static_cast<double>(text.size());
  }
  return true;
}

uint64_t Runner::RoutesOf(std::string_view text, bool in_region) {
  // RE2 takes a null text for one that is not there.
  if (text.data() == nullptr) text = std::string_view("", 0);
  CandidateScan& scan = in_region ? route_scan_ : route_scan_apart_;
  if (!in_region) scan.Reset(text.data(), text.data() + text.size());
  route_candidates_.clear();
  scan.Collect(text, &route_candidates_);
  view_.Reset(text, &scan, route_candidates_);
  uint64_t routes = UINT64_MAX;
  for (const Route& route : plan_->routes)
    if (!route.condition->Holds(view_)) routes &= ~route.bit;
  return routes;
}

double* Runner::RouteCounts(size_t route) {
  return counts_ + kCountCellsFixed + size_t{plan_->rules} * kCountCellsPerRule + route * kCountCellsPerRoute;
}

void Runner::Flush() {
  batch_.Flush();
  if (counts_ == nullptr) return;
  const auto add = [this](CountCell cell, uint64_t amount) { Count(cell) += static_cast<double>(amount); };
  add(CountCell::kReceivedRecords, tally_.passed_records + tally_.kept_back_records);
  add(CountCell::kReceivedBytes, tally_.passed_bytes + tally_.kept_back_bytes);
  add(CountCell::kPassedRecords, tally_.passed_records);
  add(CountCell::kPassedBytes, tally_.passed_bytes);
  add(CountCell::kWrittenBytes, tally_.written_bytes);
  tally_ = Tally();
}

double& Runner::RuleCount(uint32_t rule, RuleCell cell) {
  return counts_[kCountCellsFixed + size_t{rule} * kCountCellsPerRule + static_cast<uint32_t>(cell)];
}

void Runner::CountChanges() {
  for (const Change& change : changes_) {
    RuleCount(change.rule, RuleCell::kChangedRecords) += 1;
    RuleCount(change.rule, RuleCell::kReplacements) += static_cast<double>(change.replacements);
  }
}

// What a record adds that does not pass, whatever the reason.
void Runner::KeepBack(const Record& record) {
  CountChanges();
  ++tally_.kept_back_records;
  tally_.kept_back_bytes += record.size;
}

void Runner::Drop(const Record& record, uint32_t rule) {
  KeepBack(record);
  RuleCount(rule, RuleCell::kDroppedRecords) += 1;
  RuleCount(rule, RuleCell::kDroppedBytes) += record.size;
}

bool Runner::Quarantine(const Record& record, uint32_t rule, QuarantineCause cause) {
  if (!withheld_.Append(record, rule, cause, WithheldFrom())) {
    need_bytes_ = 0;
    return false;
  }
  KeepBack(record);
  const bool matches = cause == QuarantineCause::kMatchLimit;
  Count(matches ? CountCell::kQuarantinedMatchLimitRecords : CountCell::kQuarantinedOutputLimitRecords) += 1;
  Count(matches ? CountCell::kQuarantinedMatchLimitBytes : CountCell::kQuarantinedOutputLimitBytes) += record.size;
  RuleCount(rule, RuleCell::kQuarantinedRecords) += 1;
  RuleCount(rule, RuleCell::kQuarantinedBytes) += record.size;
  return true;
}

}  // namespace streamgate
