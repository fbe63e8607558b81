// Check digits of ISO/IEC 7064:2003.
#pragma once

#include <string_view>

namespace streamgate::validators {

// The hybrid system modulo 11,10. `digits`: ASCII digits, the check digit last.
bool PassesMod11And10(std::string_view digits);

}  // namespace streamgate::validators
