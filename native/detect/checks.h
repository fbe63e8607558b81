// Checks of what a pattern has matched: which matches are values. One a detector that needs it; twins in
// src/data/engine/portable/detect/checks.ts.
#pragma once

#include <string_view>

#include "detect/finds.h"

namespace streamgate::detect {

// `match`: what the pattern has matched in `text`.
using CheckFunction = bool (*)(std::string_view text, const Find& match);

// Null: there is no check of this name.
CheckFunction CheckOf(std::string_view name);

}  // namespace streamgate::detect
