// See national_number.h.
#include "detect/national_number.h"

#include <algorithm>
#include <iterator>

#include "detect/bytes.h"
#include "detect/keyword.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

// From a keyword's first byte to its number's.
constexpr size_t kReachBytes = 48;
constexpr size_t kCharactersMax = 24;

struct Written {
  char characters[kCharactersMax];
  size_t count = 0;
  bool lower = false;
  // 0: the text does not have the form here.
  size_t end = 0;
};

Written ReadForm(std::string_view text, size_t at, std::string_view form) {
  Written written;
  for (const char wanted : form) {
    const char c = ByteAt(text, at++);
    if (wanted != '9' && wanted != 'A' && wanted != '#') {
      if (c != wanted) return written;
      continue;
    }
    if (IsDigit(c) ? wanted == 'A' : wanted == '9' || !IsLetter(c)) return written;
    written.lower = written.lower || IsLower(c);
    written.characters[written.count++] = IsLower(c) ? static_cast<char>(c & ~0x20) : c;
  }
  written.end = at;
  return written;
}

// Is it part of something longer: of a word, a number, a row of numbers? Behind a keyword a name may end right before.
bool StandsAlone(std::string_view text, size_t begin, size_t end, bool spaced, bool keyword) {
  const char before = ByteBefore(text, begin);
  const char before_that = ByteBefore(text, begin, 2);
  const char after = ByteAt(text, end);
  const char after_that = ByteAt(text, end + 1);
  if (IsAlnum(after) || after == '_' || (!keyword && (before == '_' || before == '+' || before == '$'))) return false;
  if (before == '-' && (keyword ? IsDigit(before_that) : IsAlnum(before_that))) return false;
  if (after == '-' && IsAlnum(after_that)) return false;
  const auto joins = [spaced](char c) { return c == '.' || c == ',' || c == '/' || c == ':' || (c == ' ' && spaced); };
  // A comma or a colon within numbers; in lists and times they stand there, too, so only where no keyword speaks for
  // it.
  const auto counts = [keyword, joins](char c) { return joins(c) && !(keyword && (c == ',' || c == ':')); };
  return !(counts(before) && IsDigit(before_that)) && !(counts(after) && IsDigit(after_that));
}

// Where the longest number of this kind that begins at `at` ends; 0: there is none.
size_t NumberEnd(const NationalNumber& kind, std::string_view text, size_t at) {
  size_t end = 0;
  // Not looked for yet, no, yes.
  int keyword = -1;
  for (std::string_view form : kind.forms) {
    if (form.empty()) break;
    const bool needs_keyword = form[0] == '?';
    if (needs_keyword) form.remove_prefix(1);
    const Written written = ReadForm(text, at, form);
    if (written.end <= end) continue;
    if (keyword < 0) keyword = HasKeywordBefore(text, at, kReachBytes, kind.words, std::size(kind.words)) ? 1 : 0;
    if (keyword == 0 && (needs_keyword || written.lower)) continue;
    const bool spaced = form.find(' ') != std::string_view::npos;
    if (StandsAlone(text, at, written.end, spaced, keyword == 1) &&
        kind.passes(std::string_view(written.characters, written.count), keyword == 1))
      end = written.end;
  }
  return end;
}

}  // namespace

void ScanNationalNumber(const NationalNumber& kind, std::string_view text, size_t first, size_t last, Finds* finds) {
  // The pattern is a number without a keyword, or a keyword, behind which its number stands.
  const size_t stop = last < text.size() ? std::min(last + kReachBytes + 1, text.size()) : text.size();
  for (size_t at = ScanStart(first); at < stop; ++at) {
    if (!IsAlnum(text[at]) || IsAlnum(ByteBefore(text, at))) continue;
    const size_t end = NumberEnd(kind, text, at);
    if (end == 0) continue;
    finds->push_back({at, end});
    at = end - 1;
  }
}

}  // namespace streamgate::detect
