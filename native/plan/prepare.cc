// See prepare.h.
#include "plan/prepare.h"

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
      DropPattern drop{CompilePattern(operation.args[0], error)};
      if (drop.pattern == nullptr) return false;
      if (prefilters) step->prefilter = Prefilter::Of(*drop.pattern);
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
      DropAttribute drop{AttributeFilter::Prepare(operation, error)};
      if (drop.filter == nullptr) return false;
      step->what = std::move(drop);
      return true;
    }
  }
  *error = "unknown operation";
  return false;
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
  return prepared;
}

}  // namespace streamgate
