// Of Runner (run.h): what rules remember, and the summaries that they make of it. A summary meets the rules behind its
// maker like a record, and is made of what they leave of the text that it tells of.
#include <algorithm>
#include <utility>

#include "plan/run.h"

namespace streamgate {

void Runner::Remember() {
  if (plan_ == nullptr) {
    remembered_.clear();
    return;
  }
  remembered_ = RememberedBy(*plan_, std::move(remembered_));
  memory_of_step_.clear();
  for (const Step& step : plan_->steps) {
    const bool remembers = step.remembers();
    const auto one = std::find_if(remembered_.begin(), remembered_.end(),
                                  [&step](const Remembered& each) { return each.rule == step.rule; });
    memory_of_step_.push_back(remembers ? one->memory.get() : nullptr);
  }
}

bool Runner::Tick(double now_ms) {
  if (remembered_.empty()) return true;
  nobody_.received_at_ms = now_ms;
  Begin(nullptr, nullptr, &nobody_);
  const bool told = TellDue();
  Flush();
  return told;
}

bool Runner::TellLast(const PreparedPlan* next, double now_ms) {
  if (remembered_.empty()) return true;
  nobody_.received_at_ms = now_ms;
  Begin(nullptr, nullptr, &nobody_);
  const auto goes_on = [next](const Remembered& one) {
    return next != nullptr && one.state != 0 &&
           std::find(next->states.begin(), next->states.end(), one.state) != next->states.end();
  };
  bool told = true;
  for (Remembered& one : remembered_) {
    if (goes_on(one)) continue;
    while (told && one.memory->Last() != KeyTable::kNone) told = Tell(&one, one.memory->Last());
  }
  Flush();
  return told;
}

bool Runner::TellOwed() {
  if (!due_asked_ && !TellDue()) return false;
  for (Remembered& one : remembered_)
    while (!one.memory->HasRoom())
      if (!Tell(&one, one.memory->Crowded())) return false;
  owes_ = false;
  return true;
}

bool Runner::TellDue() {
  for (Remembered& one : remembered_) {
    for (;;) {
      const uint32_t index = one.memory->Due(NowMs());
      if (index == KeyTable::kNone) break;
      if (!Tell(&one, index)) return false;
    }
  }
  due_asked_ = true;
  return true;
}

bool Runner::Tell(Remembered* one, uint32_t index) {
  one->memory->ReadText(index, &summary_);
  const Record summary = {summary_.data(), static_cast<uint32_t>(summary_.size()), false};
  nobody_.received_at_ms = NowMs();
  Place(&nobody_);
  const SummaryWay way = {one, index, one->memory->IsOlderThanPlan(index)};
  const bool told = RunFrom(summary, false, &way);
  Place(context_);
  if (!told) return false;
  one->memory->Told(index);
  ++tally_.created_records;
  tally_.created_bytes += summary.size;
  RuleCount(one->rule, RuleCell::kSummaryRecords) += 1;
  RuleCount(one->rule, RuleCell::kSummaryBytes) += summary.size;
  return true;
}

void Runner::SettleMet() {
  for (RuleMemory* const memory : met_) {
    memory->Settle({}, NowMs(), false);
    owes_ |= !memory->HasRoom();
  }
  met_.clear();
}

bool Runner::Meets(const SummaryWay& way, uint32_t i) const {
  const Step& step = plan_->steps[i];
  // It stands for many: no rule thins them out again.
  if (memory_of_step_[i] != nullptr || std::holds_alternative<SampleStep>(step.what)) return false;
  return step.rule > way.maker->rule || std::holds_alternative<SetRoute>(step.what) ||
         (way.all_protect && step.protect);
}

}  // namespace streamgate
