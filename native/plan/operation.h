// One step of a plan as the engine reads it: the twin of `Operation` in src/plan/operations.ts.
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

}  // namespace streamgate
