// Luhn's check digit: ISO/IEC 7812-1 annex B.
#pragma once

#include <cstddef>
#include <string_view>

namespace streamgate::validators {

// `digits`: ASCII digits only. False for none.
bool PassesLuhn(std::string_view digits);

}  // namespace streamgate::validators
