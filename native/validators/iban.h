// International bank account numbers, ISO 13616-1: the length that a country uses, and the check digits, ISO 7064
// modulo 97-10.
#pragma once

#include <cstddef>
#include <string_view>

namespace streamgate::validators {

// Characters of an IBAN of this country (two upper-case letters), as the SWIFT registry (release 99, 2024) lists them
// and central banks outside it announce; 0: it has none.
size_t IbanLength(char first, char second);

// `iban`: upper-case letters and digits, at least five.
bool PassesMod97(std::string_view iban);

}  // namespace streamgate::validators
