// Payment card numbers: the issuer's prefix and length, Luhn's check digit, and groups as they are printed or keyed.
#include <algorithm>

#include "detect/bytes.h"
#include "detect/keyword.h"
#include "detect/scanners.h"
#include "validators/card_issuer.h"
#include "validators/luhn.h"

namespace streamgate::detect {
namespace {

constexpr size_t kDigitsMin = 12;
constexpr size_t kDigitsMax = 19;
// A card in groups has at least two of at most so many digits.
constexpr size_t kGroupsMax = 7;

bool IsSeparator(char c) { return c == ' ' || c == '-' || c == '.' || c == '+'; }

// Are these groups as a card is written? 4-4-4-4 (the last of 1 to 4 digits), 4-6-5, 4-6-4, 4-6-6, 8-8 and 6-13.
bool AreCardGroups(const size_t* sizes, size_t groups) {
  if (groups == 1) return true;
  if (groups == 2) return (sizes[0] == 8 && sizes[1] == 8) || (sizes[0] == 6 && sizes[1] == 13);
  if (groups == 3 && sizes[0] == 4 && sizes[1] == 6) return sizes[2] >= 4 && sizes[2] <= 6;
  for (size_t i = 0; i + 1 < groups; ++i)
    if (sizes[i] != 4) return false;
  return sizes[groups - 1] <= 4 || (groups == 3 && sizes[2] == 5);
}

bool SaysCard(std::string_view text, size_t begin) {
  return HasKeywordBefore(text, begin, 40, {"card", "cc", "pan", "visa", "maestro", "payment", "credit", "debit"});
}

}  // namespace

void ScanCreditCard(std::string_view text, size_t first, size_t last, Finds* finds) {
  size_t at = ScanStart(first);
  while (at <= last && at + kDigitsMin <= text.size()) {
    if (!IsDigit(text[at])) {
      ++at;
      continue;
    }
    const size_t begin = at;
    at = DigitsEnd(text, begin);
    const char before = ByteBefore(text, begin);
    // Part of a word or of a longer number; 0.4111… is a fraction, blk_-4111… an identifier.
    // A magnetic stripe's first track begins with %B (ISO/IEC 7813).
    const char before_that = ByteBefore(text, begin, 2);
    if ((IsAlnum(before) && !(before == 'B' && before_that == '%')) || before == '_') continue;
    if (before == '.' && IsDigit(before_that)) continue;
    if (before == '-' && (IsLetter(before_that) || before_that == '_')) continue;
    char digits[kDigitsMax];
    size_t sizes[kGroupsMax];
    size_t count = 0;
    size_t groups = 0;
    size_t end = 0;
    const char separator = ByteAt(text, at);
    // Group by group; the longest number that passes is it.
    for (size_t group = begin; groups < kGroupsMax && IsDigit(ByteAt(text, group));) {
      const size_t group_end = DigitsEnd(text, group);
      if (count + (group_end - group) > kDigitsMax) break;
      std::copy(text.begin() + static_cast<long>(group), text.begin() + static_cast<long>(group_end), digits + count);
      count += group_end - group;
      sizes[groups++] = group_end - group;
      const char after = ByteAt(text, group_end);
      if (count >= kDigitsMin && !IsAlnum(after) && after != '_' &&
          !(after == '.' && IsDigit(ByteAt(text, group_end + 1))) && AreCardGroups(sizes, groups)) {
        const std::string_view number(digits, count);
        const bool issued = (validators::CardLengths(number) >> count & 1) != 0;
        // Numbers of these lengths are mostly something else.
        const bool unusual = digits[0] <= '1' || count == 12 || (count == 14 && digits[0] != '3') ||
                             (groups == 1 && count > 16 && digits[0] != '6');
        if (issued && validators::PassesLuhn(number) && (!unusual || SaysCard(text, begin))) end = group_end;
      }
      if (after != separator || !IsSeparator(after)) break;
      group = group_end + 1;
    }
    if (end == 0) continue;
    finds->push_back({begin, end});
    at = end;
  }
}

}  // namespace streamgate::detect
