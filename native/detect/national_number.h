// Numbers by which states know people, in one search for all: how each is written, which words say what it is, and what
// its digits must fulfil is a row of a table (national_numbers.cc).
#pragma once

#include <cstddef>
#include <string_view>

#include "detect/finds.h"

namespace streamgate::detect {

// Lists end with an empty text, or full.
struct NationalNumber {
  // Ways to write it: `9` is a digit, `A` a letter, `#` either, everything else itself; with `?` first it is one only
  // behind a keyword. One with lower-case letters always is.
  std::string_view forms[5];
  // See keyword.h.
  std::string_view words[4];
  // Of its digits and letters alone, in upper case. `keyword`: does one stand before?
  bool (*passes)(std::string_view number, bool keyword);
};

// Appends the numbers in `text`; see scanners.h.
void ScanNationalNumber(const NationalNumber& kind, std::string_view text, size_t first, size_t last, Finds* finds);

}  // namespace streamgate::detect
