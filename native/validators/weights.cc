// See weights.h.
#include "validators/weights.h"

namespace streamgate::validators {

unsigned WeightedSum(std::string_view digits, const uint8_t* weights) {
  unsigned sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) sum += static_cast<unsigned>(digits[i] - '0') * weights[i];
  return sum;
}

}  // namespace streamgate::validators
