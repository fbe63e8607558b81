// Verhoeff's check digit: J. Verhoeff, "Error Detecting Decimal Codes", Mathematical Centre Tracts 29, 1969.
#pragma once

#include <string_view>

namespace streamgate::validators {

// `digits`: ASCII digits, the check digit last.
bool PassesVerhoeff(std::string_view digits);

}  // namespace streamgate::validators
