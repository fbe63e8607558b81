// US social security numbers: AAA-GG-SSSS, never issued with area 000, 666 or 900 and above, group 00 or serial 0000
// (Social Security Administration, "Social Security Number Randomization", 2011).
#include "detect/bytes.h"
#include "detect/keyword.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

// What stands between the parts at `at`: its bytes, 0 where nothing does that is taken for a separator.
size_t SeparatorBytes(std::string_view text, size_t at) {
  const char c = ByteAt(text, at);
  if (c == '-' || c == ' ' || c == '.') return 1;
  // An en dash or a non-breaking hyphen, in UTF-8.
  const bool dash = c == '\xE2' && ByteAt(text, at + 1) == '\x80';
  return dash && (ByteAt(text, at + 2) == '\x93' || ByteAt(text, at + 2) == '\x91') ? 3 : 0;
}

bool IsIssued(const char* area, const char* group, const char* serial) {
  if (area[0] == '9' || (area[0] == '0' && area[1] == '0' && area[2] == '0') ||
      (area[0] == '6' && area[1] == '6' && area[2] == '6'))
    return false;
  return (group[0] != '0' || group[1] != '0') &&
         (serial[0] != '0' || serial[1] != '0' || serial[2] != '0' || serial[3] != '0');
}

// Is it part of something longer, of more digits or with more parts?
bool StandsAlone(std::string_view text, size_t begin, size_t end, char separator) {
  const char before = ByteBefore(text, begin);
  const char after = ByteAt(text, end);
  if (IsAlnum(before) && !HasKeywordBefore(text, begin, 3, {"ssn"})) return false;
  if (IsAlnum(after)) return false;
  const auto joins = [separator](char c) { return c == '-' || c == '.' || (c == ' ' && separator == ' '); };
  if (joins(before) && (before == '-' ? IsAlnum(ByteBefore(text, begin, 2)) : IsDigit(ByteBefore(text, begin, 2))))
    return false;
  return !(joins(after) && (after == '-' ? IsAlnum(ByteAt(text, end + 1)) : IsDigit(ByteAt(text, end + 1))));
}

}  // namespace

void ScanUsSsn(std::string_view text, size_t first, size_t last, Finds* finds) {
  size_t at = ScanStart(first);
  while (at <= last && at + 9 <= text.size()) {
    if (!IsDigit(text[at])) {
      ++at;
      continue;
    }
    const size_t begin = at;
    const size_t digits = DigitsEnd(text, begin);
    at = digits;
    // A scan that began within a number saw only its end.
    if (IsDigit(ByteBefore(text, begin))) continue;
    const char* const p = text.data();
    if (digits - begin == 9) {
      if (IsIssued(p + begin, p + begin + 3, p + begin + 5) && StandsAlone(text, begin, digits, '-') &&
          HasKeywordBefore(text, begin, 32, {"ssn", "social"}))
        finds->push_back({begin, digits});
      continue;
    }
    if (digits - begin != 3) continue;
    const size_t separator = SeparatorBytes(text, digits);
    const size_t group = digits + separator;
    if (separator == 0 || DigitsEnd(text, group) != group + 2) continue;
    const size_t serial = group + 2 + separator;
    if (text.substr(group + 2, separator) != text.substr(digits, separator) || DigitsEnd(text, serial) != serial + 4)
      continue;
    const size_t end = serial + 4;
    if (!IsIssued(p + begin, p + group, p + serial) || !StandsAlone(text, begin, end, text[digits])) continue;
    finds->push_back({begin, end});
    at = end;
  }
}

}  // namespace streamgate::detect
