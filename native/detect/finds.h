// What detectors find in a text: places, in the order in which they were found.
#pragma once

#include <cstddef>
#include <vector>

namespace streamgate::detect {

// Bytes [begin, end) of a text.
struct Find {
  size_t begin;
  size_t end;
};

using Finds = std::vector<Find>;

}  // namespace streamgate::detect
