// What a scanner's values contain: a pattern of which each alternative at the top is a window of its own.
//
// RE2 joins what alternatives have in common (`\d{7}[A-Z]|\.\d{3}` begins with `[.\d]\d\d\d`), and for one search that
// is the quickest to look for. Among the windows of many detectors each is compared in full, so the rarer each is the
// better, however many they are.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "match/prefilter.h"

namespace streamgate::detect {

// Null: refused, where `error` is not empty, or nothing is required.
std::unique_ptr<Prefilter> PrefilterOfAlternatives(std::string_view pattern, std::string* error);

}  // namespace streamgate::detect
