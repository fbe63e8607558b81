// The sum of digits times weights, of which many countries' check digits are a remainder.
#pragma once

#include <cstdint>
#include <string_view>

namespace streamgate::validators {

// `digits`: ASCII digits; the i-th counts `weights[i]` times. One weight a digit, at least.
unsigned WeightedSum(std::string_view digits, const uint8_t* weights);

}  // namespace streamgate::validators
