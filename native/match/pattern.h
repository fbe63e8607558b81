// Patterns as RE2 reads them, with one set of options everywhere: UTF-8, RE2's default syntax and memory, nothing
// logged.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "re2/re2.h"

namespace streamgate {

re2::RE2::Options PatternOptions();

// Null: refused, and `error` has RE2's own words, such as `missing ]: [0-9`.
std::unique_ptr<re2::RE2> CompilePattern(std::string_view pattern, std::string* error);

// Is the pattern found anywhere in the text?
bool ContainsPattern(const re2::RE2& pattern, std::string_view text);

}  // namespace streamgate
