// The parts of a plan as the engine reads them: the twins of `Operation`, `Condition` and `Route` in
// src/plan/operations.ts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generated/layout.h"

namespace streamgate {

struct Operation {
  OperationCode code;
  // Sum of OperationFlag.
  uint16_t flags;
  // Index into the plan's rules: who is counted.
  uint32_t rule;
  // Argument bytes, as the operation table says. Their number fits the code; their contents are not checked yet.
  std::vector<std::string> args;
};

// A condition over one record. Its contents are not checked yet, only how deep conditions lie in one another.
struct ConditionSpec {
  ConditionCode code;
  // An attribute's operator, or the least severity; else 0.
  uint16_t detail;
  // A literal's or a pattern's one; an attribute's.
  std::vector<std::string> values;
  std::vector<std::string> paths;
  // What all, any and not are about.
  std::vector<ConditionSpec> parts;
};

// Which records an output gets.
struct RouteSpec {
  uint32_t output;
  ConditionSpec condition;
};

}  // namespace streamgate
