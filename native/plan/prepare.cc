// See prepare.h.
#include "plan/prepare.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "match/pattern.h"
#include "re2/re2.h"

namespace streamgate {
namespace {

// A route's outputs are a u64; the host is little-endian, as everywhere in a plan.
bool ReadRoute(const std::string& arg, SetRoute* route, std::string* error) {
  if (arg.size() != sizeof route->routes) {
    *error = "a route names no outputs";
    return false;
  }
  std::memcpy(&route->routes, arg.data(), sizeof route->routes);
  return true;
}

bool PrepareStep(Operation&& operation, bool prefilters, Step* step, std::string* error) {
  const auto has = [&operation](OperationFlag flag) { return (operation.flags & static_cast<uint16_t>(flag)) != 0; };
  step->rule = operation.rule;
  step->protect = has(OperationFlag::kProtect);
  step->shadow = has(OperationFlag::kShadow);
  if (!operation.when.empty()) {
    step->when = Condition::Prepare(std::move(operation.when[0]), prefilters, nullptr, error);
    if (step->when == nullptr) return false;
  }
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
                             has(OperationFlag::kLimited)};
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
    case OperationCode::kRedact: {
      Redact redact{Redaction::Prepare(operation, prefilters, error), has(OperationFlag::kLimited)};
      if (redact.redaction == nullptr) return false;
      step->prefilter = redact.redaction->TakePrefilter();
      step->what = std::move(redact);
      return true;
    }
    case OperationCode::kDrop:
      if (prefilters && step->when != nullptr) step->prefilter = step->when->Required();
      step->what = Drop{};
      return true;
    case OperationCode::kSample:
      if (prefilters && step->when != nullptr) step->prefilter = step->when->Required();
      return SampleStep::Prepare(operation.args, &step->what.emplace<SampleStep>(), error);
    case OperationCode::kDedupe:
      if (prefilters && step->when != nullptr) step->prefilter = step->when->Required();
      return DedupeStep::Prepare(operation.args, &step->what.emplace<DedupeStep>(), error);
    case OperationCode::kThrottle:
      if (prefilters && step->when != nullptr) step->prefilter = step->when->Required();
      return ThrottleStep::Prepare(operation.args, &step->what.emplace<ThrottleStep>(), error);
    case OperationCode::kRoute: {
      SetRoute route = {};
      if (!ReadRoute(operation.args[0], &route, error)) return false;
      step->what = route;
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

void IndexSteps(PreparedPlan* plan) {
  std::vector<CandidateIndex::Requirement> requirements;
  for (uint32_t i = 0; i < plan->steps.size(); ++i) {
    const Step& step = plan->steps[i];
    plan->places.push_back(static_cast<uint32_t>(requirements.size()));
    if (step.prefilter == nullptr) plan->unfiltered.push_back(i);
    if (const auto* redact = std::get_if<Redact>(&step.what)) {
      for (const Redaction::Part& part : redact->redaction->Parts()) {
        requirements.push_back({part.prefilter, false});
        plan->indexed.push_back({i, part.selector});
      }
      continue;
    }
    if (step.prefilter == nullptr) continue;
    const auto* literal = std::get_if<DropLiteral>(&step.what);
    // A step before it that looks at every record may change what it sees.
    const bool decides = literal != nullptr && literal->window_is_all && step.when == nullptr && !step.shadow &&
                         plan->unfiltered.empty();
    requirements.push_back({step.prefilter.get(), decides});
    plan->indexed.push_back({i, Redaction::kNoSelector});
  }
  plan->index = std::make_unique<CandidateIndex>(requirements);
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
  prepared->seed = plan.seed;
  prepared->states = std::move(plan.states);
  prepared->shadows.assign(plan.rules, false);
  if (!plan.service.empty()) {
    *rule = 0;
    // Only found, never compared.
    prepared->service = AttributeFilter::Prepare(AttributeOperator::kExists, {}, plan.service, error, prefilters);
    if (prepared->service == nullptr) return nullptr;
  }
  prepared->steps.reserve(plan.operations.size());
  for (Operation& operation : plan.operations) {
    *rule = operation.rule;
    prepared->steps.emplace_back();
    Step& step = prepared->steps.back();
    if (!PrepareStep(std::move(operation), prefilters, &step, error)) return nullptr;
    if (step.shadow) prepared->shadows[step.rule] = true;
    if (auto* const redact = std::get_if<Redact>(&step.what); redact != nullptr && !step.shadow) {
      redact->cells = prepared->selector_cells;
      prepared->selector_cells += redact->redaction->CountCells();
    }
  }
  std::vector<bool> remembers(plan.rules);
  for (const Step& step : prepared->steps) {
    if (!step.remembers()) continue;
    *rule = step.rule;
    if (remembers[step.rule]) {
      *error = "a rule has two steps that remember";
      return nullptr;
    }
    remembers[step.rule] = true;
  }
  std::vector<CandidateIndex::Requirement> leaves;
  for (RouteSpec& route : plan.routes) {
    *rule = plan.rules + route.output;
    prepared->routes.push_back(
        {uint64_t{1} << route.output, Condition::Prepare(std::move(route.condition), prefilters, &leaves, error)});
    if (prepared->routes.back().condition == nullptr) return nullptr;
  }
  if (!plan.routes.empty()) IndexRoutes(leaves, plan.outputs, prepared.get());
  IndexSteps(prepared.get());
  if (prefilters) MakeSet(prepared.get());
  return prepared;
}

}  // namespace streamgate
