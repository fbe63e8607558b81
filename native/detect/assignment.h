// A name and what it is set to: `api_key = "…"`, `"secret":"…"`, `password: …`, `token=>…`.
#pragma once

#include <string_view>

#include "detect/finds.h"

namespace streamgate::detect {

// The most bytes that are taken for a value.
constexpr size_t kAssignedBytesMax = 256;

// What the name is set to of which the byte at `at` is part; where it is set to nothing, the end is where the search
// may go on and the begin the same. The value is what stands between quotes, spaces and the signs of lists and calls,
// without the full stop of a sentence.
Find AssignedValue(std::string_view text, size_t at);

}  // namespace streamgate::detect
