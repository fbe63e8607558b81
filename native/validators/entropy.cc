// See entropy.h.
#include "validators/entropy.h"

namespace streamgate::validators {

bool IsAsDiverseAs(std::string_view text, unsigned different) {
  unsigned counts[256] = {};
  // The chance that two of its characters are the same is the sum of their counts' squares by the square of all.
  unsigned squares = 0;
  for (const char c : text) squares += 2 * counts[static_cast<unsigned char>(c)]++ + 1;
  const auto all = static_cast<unsigned>(text.size());
  return different * squares <= all * all;
}

}  // namespace streamgate::validators
