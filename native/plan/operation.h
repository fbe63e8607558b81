// The parts of a plan as the engine reads them: the twins of `Operation`, `Condition` and `Route` in
// src/plan/operations.ts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generated/layout.h"

namespace streamgate {

// A condition over one record. Its contents are not checked yet, only how deep conditions lie in one another.
struct ConditionSpec {
  ConditionCode code;
  // An attribute's operator, the least severity, or the transports; else 0.
  uint16_t detail;
  // A literal's, a pattern's or a time's one; an attribute's; a source's networks.
  std::vector<std::string> values;
  std::vector<std::string> paths;
  // What all, any and not are about.
  std::vector<ConditionSpec> parts;
};

struct Operation {
  OperationCode code;
  // Sum of OperationFlag.
  uint16_t flags;
  // Index into the plan's rules: who is counted.
  uint32_t rule;
  // Argument bytes, as the operation table says. Their number fits the code; their contents are not checked yet.
  std::vector<std::string> args;
  // The records that it looks at: one condition, or none for all records.
  std::vector<ConditionSpec> when = {};
};

// Which records an output gets.
struct RouteSpec {
  uint32_t output;
  ConditionSpec condition;
};

}  // namespace streamgate
