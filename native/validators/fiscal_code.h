// The Italian codice fiscale: its parts and its check letter, as the decree of 23 December 1976 (Gazzetta Ufficiale 345
// of 29 December 1976) lays them down.
#pragma once

#include <string_view>

namespace streamgate::validators {

// `code`: 16 upper-case letters and digits. Letters that stand for digits where two people would have the same code
// (omocodia) are read as such; at least one of the digits is one.
bool IsFiscalCode(std::string_view code);

}  // namespace streamgate::validators
