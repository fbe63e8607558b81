// What rules remember while plans come and go: as long as a plan has their state. Twin of
// src/data/engine/portable/plan/remembered.ts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "plan/prepare.h"
#include "reduce/rule_memory.h"

namespace streamgate {

struct Remembered {
  uint64_t state;
  uint32_t rule;
  std::unique_ptr<RuleMemory> memory;
};

// The memories of a plan's rules, in their order: those of `before` that have the same state, and new ones.
std::vector<Remembered> RememberedBy(const PreparedPlan& plan, std::vector<Remembered>&& before);

}  // namespace streamgate
