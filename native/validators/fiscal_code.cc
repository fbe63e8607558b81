// See fiscal_code.h.
#include "validators/fiscal_code.h"

#include "scan/ascii.h"

namespace streamgate::validators {
namespace {

constexpr std::string_view kDigitLetters = "LMNPQRSTUV";
constexpr std::string_view kMonths = "ABCDEHLMPRST";
// What the letters A to Z count at odd places; 0 to 9 count as A to J do.
constexpr unsigned kOdd[26] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                               20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
// Of a code: L a letter, 9 a digit or the letter for it, M the month's.
constexpr std::string_view kForm = "LLLLLL99M99L999L";

// -1: neither a digit nor a letter that stands for one.
int DigitOf(char c) {
  if (IsDigit(c)) return c - '0';
  const size_t at = kDigitLetters.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

bool IsFiscalCode(std::string_view code) {
  if (code.size() != kForm.size()) return false;
  bool digit = false;
  for (size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    digit = digit || IsDigit(c);
    const bool fits = kForm[i] == '9'   ? DigitOf(c) >= 0
                      : kForm[i] == 'M' ? kMonths.find(c) != std::string_view::npos
                                        : !IsDigit(c);
    if (!fits) return false;
  }
  // Women's days are 40 more.
  const int day = (DigitOf(code[9]) * 10 + DigitOf(code[10])) % 40;
  if (!digit || day < 1 || day > 31 || DigitOf(code[9]) > 7) return false;
  unsigned sum = 0;
  for (size_t i = 0; i < 15; ++i) {
    const auto value = static_cast<unsigned>(IsDigit(code[i]) ? code[i] - '0' : code[i] - 'A');
    sum += i % 2 == 0 ? kOdd[value] : value;
  }
  return static_cast<char>('A' + sum % 26) == code[15];
}

}  // namespace streamgate::validators
