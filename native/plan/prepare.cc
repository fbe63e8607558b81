// See prepare.h.
#include "plan/prepare.h"

#include <algorithm>
#include <utility>

#include "match/pattern.h"
#include "re2/re2.h"

namespace streamgate {
namespace {

bool PrepareStep(Operation&& operation, bool prefilters, Step* step, std::string* error) {
  step->rule = operation.rule;
  switch (operation.code) {
    case OperationCode::kDropLiteral: {
      std::string& literal = operation.args[0];
      if (prefilters && !literal.empty()) step->prefilter = Prefilter::OfLiteral(literal);
      const bool window_is_all = step->prefilter != nullptr && literal.size() <= Window::kBytesMax;
      step->what = DropLiteral{std::move(literal), window_is_all};
      return true;
    }
    case OperationCode::kDropPattern: {
      DropPattern drop{CompilePattern(operation.args[0], error), nullptr};
      if (drop.pattern == nullptr) return false;
      if (prefilters) step->prefilter = Prefilter::Of(*drop.pattern);
      if (step->prefilter != nullptr) drop.fixed = FixedPattern::Of(*drop.pattern);
      step->what = std::move(drop);
      return true;
    }
    case OperationCode::kReplacePattern: {
      ReplacePattern replace{Replacement::Prepare(operation.args[0], operation.args[1], error),
                             (operation.flags & static_cast<uint16_t>(OperationFlag::kLimited)) != 0};
      if (replace.replacement == nullptr) return false;
      if (prefilters) step->prefilter = Prefilter::Of(replace.replacement->pattern());
      step->what = std::move(replace);
      return true;
    }
    case OperationCode::kDropAttribute: {
      DropAttribute drop{AttributeFilter::Prepare(operation, error, prefilters)};
      if (drop.filter == nullptr) return false;
      step->prefilter = drop.filter->TakePrefilter();
      step->what = std::move(drop);
      return true;
    }
  }
  *error = "unknown operation";
  return false;
}

const re2::RE2* PatternOf(const Step& step) {
  if (const auto* drop = std::get_if<DropPattern>(&step.what)) return drop->pattern.get();
  if (const auto* replace = std::get_if<ReplacePattern>(&step.what)) return &replace->replacement->pattern();
  return nullptr;
}

// Joins the patterns from which nothing could be derived: one look at a record tells which of them it may match.
void MakeSet(PreparedPlan* plan) {
  const auto count = std::count_if(plan->unfiltered.begin(), plan->unfiltered.end(),
                                   [plan](uint32_t i) { return PatternOf(plan->steps[i]) != nullptr; });
  if (count < 2) return;
  auto set = std::make_unique<re2::RE2::Set>(PatternOptions(), re2::RE2::UNANCHORED);
  for (const uint32_t i : plan->unfiltered)
    if (const re2::RE2* pattern = PatternOf(plan->steps[i]))
      plan->steps[i].set_member = set->Add(pattern->pattern(), nullptr);
  if (set->Compile()) {
    plan->set_members = set->Size();
    plan->set = std::move(set);
  } else {
    for (Step& step : plan->steps) step.set_member = -1;
  }
}

void IndexRoutes(const std::vector<CandidateIndex::Requirement>& leaves, uint32_t outputs, PreparedPlan* plan) {
  plan->outputs = UINT64_MAX >> (kOutputsMax - outputs);
  plan->route_index = std::make_unique<CandidateIndex>(leaves);
  plan->routes_indexed = std::all_of(plan->routes.begin(), plan->routes.end(),
                                     [](const Route& route) { return route.condition->indexed(); });
  if (!plan->routes_indexed) return;
  RecordView quiet;
  quiet.Use(leaves.size());
  quiet.Reset("", nullptr, {});
  for (const Route& route : plan->routes)
    if (!route.condition->Holds(quiet)) plan->quiet_routes &= ~route.bit;
}

}  // namespace

std::unique_ptr<PreparedPlan> Prepare(DecodedPlan&& plan, bool prefilters, uint32_t* rule, std::string* error) {
  auto prepared = std::make_unique<PreparedPlan>();
  prepared->rules = plan.rules;
  prepared->steps.reserve(plan.operations.size());
  for (Operation& operation : plan.operations) {
    *rule = operation.rule;
    prepared->steps.emplace_back();
    if (!PrepareStep(std::move(operation), prefilters, &prepared->steps.back(), error)) return nullptr;
  }
  std::vector<CandidateIndex::Requirement> leaves;
  for (RouteSpec& route : plan.routes) {
    *rule = plan.rules + route.output;
    prepared->routes.push_back(
        {uint64_t{1} << route.output, Condition::Prepare(std::move(route.condition), prefilters, &leaves, error)});
    if (prepared->routes.back().condition == nullptr) return nullptr;
  }
  if (!plan.routes.empty()) IndexRoutes(leaves, plan.outputs, prepared.get());
  std::vector<CandidateIndex::Requirement> requirements;
  for (uint32_t i = 0; i < prepared->steps.size(); ++i) {
    const Step& step = prepared->steps[i];
    if (step.prefilter == nullptr) prepared->unfiltered.push_back(i);
    const auto* literal = std::get_if<DropLiteral>(&step.what);
    // A step before it that looks at every record may change what it sees.
    const bool decides = literal != nullptr && literal->window_is_all && prepared->unfiltered.empty();
    requirements.push_back({step.prefilter.get(), decides});
  }
  prepared->index = std::make_unique<CandidateIndex>(requirements);
  if (prefilters) MakeSet(prepared.get());
  return prepared;
}

}  // namespace streamgate
