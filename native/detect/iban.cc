// International bank account numbers (ISO 13616): a country, the length that it uses, check digits; compact or in
// groups of four.
#include "validators/iban.h"

#include "detect/bytes.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

constexpr size_t kLengthMax = 34;

// Where the number that begins at `begin` ends; 0: there is none.
size_t IbanEnd(std::string_view text, size_t begin) {
  // Upper case throughout or lower case throughout.
  const char fold = static_cast<char>(text[begin] & 0x20);
  const auto upper = [](char c) { return IsLower(c) ? static_cast<char>(c & ~0x20) : c; };
  const size_t length = validators::IbanLength(upper(text[begin]), upper(text[begin + 1]));
  if (length == 0) return 0;
  char iban[kLengthMax];
  const char separator = ByteAt(text, begin + 4);
  const bool grouped = separator == ' ' || separator == '-' || separator == '+';
  size_t at = begin;
  for (size_t count = 0; count < length; ++count) {
    if (grouped && count > 0 && count % 4 == 0) {
      if (ByteAt(text, at) != separator) return 0;
      ++at;
    }
    const char c = ByteAt(text, at);
    if (!IsAlnum(c) || (IsLetter(c) && (c & 0x20) != fold)) return 0;
    iban[count] = upper(c);
    ++at;
  }
  return !IsAlnum(ByteAt(text, at)) && validators::PassesMod97(std::string_view(iban, length)) ? at : 0;
}

// `IBANDE89…`: the word itself, glued to the number.
bool IsBehindIban(std::string_view text, size_t at) {
  constexpr std::string_view kWord = "iban";
  if (at < kWord.size() || IsAlnum(ByteBefore(text, at, kWord.size() + 1))) return false;
  for (size_t i = 0; i < kWord.size(); ++i)
    if (Lower(text[at - kWord.size() + i]) != kWord[i]) return false;
  return true;
}

}  // namespace

void ScanIban(std::string_view text, size_t first, size_t last, Finds* finds) {
  for (size_t at = ScanStart(first); at <= last && at + 15 <= text.size(); ++at) {
    if (!IsDigit(text[at + 2]) || !IsDigit(text[at + 3]) || !IsLetter(text[at]) || !IsLetter(text[at + 1])) continue;
    if (IsAlnum(ByteBefore(text, at)) && !IsBehindIban(text, at)) continue;
    const size_t end = IbanEnd(text, at);
    if (end == 0) continue;
    finds->push_back({at, end});
    at = end - 1;
  }
}

}  // namespace streamgate::detect
