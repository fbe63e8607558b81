// See remembered.h.
#include "plan/remembered.h"

#include <algorithm>
#include <utility>

namespace streamgate {

std::vector<Remembered> RememberedBy(const PreparedPlan& plan, std::vector<Remembered>&& before) {
  std::vector<std::unique_ptr<RuleMemory>> memories(plan.rules);
  // Also of rules that have no step now, because they are skipped under load.
  for (uint32_t rule = 0; rule < plan.rules; ++rule) {
    const uint64_t state = plan.states[rule];
    const auto found = std::find_if(before.begin(), before.end(),
                                    [state](const auto& one) { return one.memory != nullptr && one.state == state; });
    if (state == 0 || found == before.end()) continue;
    memories[rule] = std::move(found->memory);
    memories[rule]->NextPlan();
  }
  for (const Step& step : plan.steps) {
    std::unique_ptr<RuleMemory>& memory = memories[step.rule];
    const uint64_t seed = plan.seed ^ plan.states[step.rule];
    // A plan that nobody compiled may give one state to rules of two kinds.
    const auto is = [&memory](RuleMemory::Kind kind) { return memory != nullptr && memory->kind() == kind; };
    if (const auto* dedupe = std::get_if<DedupeStep>(&step.what)) {
      if (!is(RuleMemory::Kind::kDedupe)) memory = dedupe->Remember(seed);
    } else if (const auto* throttle = std::get_if<ThrottleStep>(&step.what)) {
      if (!is(RuleMemory::Kind::kThrottle)) memory = throttle->Remember(seed);
    }
  }
  std::vector<Remembered> remembered;
  for (uint32_t rule = 0; rule < plan.rules; ++rule)
    if (memories[rule] != nullptr) remembered.push_back({plan.states[rule], rule, std::move(memories[rule])});
  return remembered;
}

}  // namespace streamgate
