// Reads a plan from the bytes that src/plan/encode.ts writes (drawn there). Trusts nothing in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plan/operation.h"

namespace streamgate {

// A plan of more operations, or of more conditions, is refused: no manifest that a person wrote has them.
constexpr uint32_t kOperationsMax = 100'000;

struct DecodedPlan {
  uint32_t rules = 0;
  // Where a JSON record may name its service, the first that exists decides.
  std::vector<std::string> service;
  // What chance is made of.
  uint64_t seed = 0;
  // Of each rule the name of what it remembers; 0: it remembers nothing.
  std::vector<uint64_t> states;
  std::vector<Operation> operations;
  // Of outputs that differ, ascending, each less than `outputs`.
  std::vector<RouteSpec> routes;
  // How many outputs there are; at most kOutputsMax.
  uint32_t outputs = 0;
};

// False: refused, and `error` says why.
bool DecodePlan(const uint8_t* data, size_t size, DecodedPlan* plan, std::string* error);

}  // namespace streamgate
