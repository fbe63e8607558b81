// Which lengths a card number may have, by the digits with which it begins (ISO/IEC 7812 issuer identification numbers,
// as the networks publish them).
#pragma once

#include <cstdint>
#include <string_view>

namespace streamgate::validators {

// Bit n: numbers of n digits are issued under this prefix. `digits`: at least 6. 0: no network uses the prefix.
uint32_t CardLengths(std::string_view digits);

}  // namespace streamgate::validators
