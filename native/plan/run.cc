// See run.h.
#include "plan/run.h"

#include <algorithm>
#include <utility>

#include "match/literal.h"
#include "match/pattern.h"
#include "re2/re2.h"

namespace streamgate {

void Runner::Use(std::shared_ptr<PreparedPlan> plan, double* counts) {
  plan_ = std::move(plan);
  counts_ = counts;
  changes_.clear();
  cursors_.clear();
  if (plan_ == nullptr) return;
  changes_.reserve(plan_->steps.size());
  for (const Step& step : plan_->steps) cursors_.emplace_back(step.prefilter.get());
}

void Runner::Begin(const char* region_begin, const char* region_end) {
  batch_.Begin();
  region_begin_ = region_begin;
  region_end_ = region_end;
  for (PrefilterCursor& cursor : cursors_) cursor.Reset(region_end);
}

// Only the text as it came lies in the region; what a rule has changed lies in a buffer of its own.
bool Runner::MayMatch(size_t step, std::string_view text, bool in_region) {
  if (in_region) return cursors_[step].MayMatch(text);
  const Prefilter* const prefilter = plan_->steps[step].prefilter.get();
  return prefilter == nullptr || prefilter->SearchFrom(text, 0) != std::string_view::npos;
}

bool Runner::Run(const Record& record) {
  std::string_view text(record.data, record.size);
  const bool in_region = record.data >= region_begin_ && record.data + record.size <= region_end_;
  bool changed = false;
  int spare = 0;
  changes_.clear();
  for (size_t i = 0; i < plan_->steps.size(); ++i) {
    const Step& step = plan_->steps[i];
    if (!MayMatch(i, text, in_region && !changed)) continue;
    if (const auto* literal = std::get_if<DropLiteral>(&step.what)) {
      if (!literal->window_is_all && !ContainsLiteral(text, literal->literal)) continue;
    } else if (const auto* pattern = std::get_if<DropPattern>(&step.what)) {
      if (!ContainsPattern(*pattern->pattern, text)) continue;
    } else if (const auto* attribute = std::get_if<DropAttribute>(&step.what)) {
      if (!attribute->filter->Drops(text.data(), text.size())) continue;
    } else {
      const auto& replace = std::get<ReplacePattern>(step.what);
      Limits limits{UINT64_MAX, uint64_t{kOutputGrowthFactor} * record.size + kOutputGrowthBytes};
      if (replace.limited)
        limits.matches_max = std::max<uint64_t>(1, kMatchBudgetBytes / std::max<uint64_t>(1, text.size()));
      uint64_t matches = 0;
      const QuarantineCause cause =
          replace.replacement->Run(text, step.prefilter.get(), limits, &scratch_[spare], &matches);
      if (cause != QuarantineCause::kNone) {
        Quarantine(record, step.rule, cause);
        return true;
      }
      if (matches == 0) continue;
      // The next rule reads this buffer and writes the other.
      text = std::string_view(scratch_[spare].data(), scratch_[spare].size());
      spare = 1 - spare;
      changed = true;
      changes_.push_back({step.rule, matches});
      continue;
    }
    Drop(record, step.rule);
    return true;
  }
  if (!batch_.Fits(text.size())) {
    need_bytes_ = static_cast<uint32_t>(text.size() + 1);
    return false;
  }
  batch_.Append(text.data(), static_cast<uint32_t>(text.size()), !changed && record.lf_follows);
  Received(record);
  Count(CountCell::kPassedRecords) += 1;
  Count(CountCell::kPassedBytes) += record.size;
  Count(CountCell::kWrittenBytes) += static_cast<double>(text.size());
  return true;
}

void Runner::Flush() { batch_.Flush(); }

double& Runner::RuleCount(uint32_t rule, RuleCell cell) {
  return counts_[kCountCellsFixed + size_t{rule} * kCountCellsPerRule + static_cast<uint32_t>(cell)];
}

// What every settled record adds, whatever became of it.
void Runner::Received(const Record& record) {
  Count(CountCell::kReceivedRecords) += 1;
  Count(CountCell::kReceivedBytes) += record.size;
  for (const Change& change : changes_) {
    RuleCount(change.rule, RuleCell::kChangedRecords) += 1;
    RuleCount(change.rule, RuleCell::kReplacements) += static_cast<double>(change.replacements);
  }
}

void Runner::Drop(const Record& record, uint32_t rule) {
  Received(record);
  RuleCount(rule, RuleCell::kDroppedRecords) += 1;
  RuleCount(rule, RuleCell::kDroppedBytes) += record.size;
}

void Runner::Quarantine(const Record& record, uint32_t rule, QuarantineCause cause) {
  Received(record);
  const bool matches = cause == QuarantineCause::kMatchLimit;
  Count(matches ? CountCell::kQuarantinedMatchLimitRecords : CountCell::kQuarantinedOutputLimitRecords) += 1;
  Count(matches ? CountCell::kQuarantinedMatchLimitBytes : CountCell::kQuarantinedOutputLimitBytes) += record.size;
  RuleCount(rule, RuleCell::kQuarantinedRecords) += 1;
  RuleCount(rule, RuleCell::kQuarantinedBytes) += record.size;
}

}  // namespace streamgate
