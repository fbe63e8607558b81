// Telephone numbers of the North American Numbering Plan: area and exchange do not begin with 0 or 1 and are none of
// the service codes N11; area codes N9X are kept for the plan's growth (nanpa.com, "About the NANP").
#include "detect/bytes.h"
#include "detect/keyword.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

bool IsCode(std::string_view text, size_t at, bool area) {
  if (DigitsEnd(text, at) < at + 3 || text[at] < '2') return false;
  if (text[at + 1] == '1' && text[at + 2] == '1') return false;
  return !area || text[at + 1] != '9';
}

bool IsFourDigits(std::string_view text, size_t at) { return DigitsEnd(text, at) >= at + 4; }

struct Number {
  // 0: none.
  size_t end = 0;
  // Its parts are separated by spaces alone, so that it may be columns of a table.
  bool columns = false;
  // The area code is followed by a slash; else one beside the number separates it from something else.
  bool slash = false;
};

// A plus is a space in a form.
bool IsSpace(char c) { return c == ' ' || c == '+'; }

// The number whose area code, or the parenthesis before it, stands at `at`. `compact`: exchange and line may be seven
// digits in a row, behind parentheses they may always; and with nothing before them they are ten.
Number NumberAt(std::string_view text, size_t at, bool compact) {
  Number number;
  const bool parenthesis = ByteAt(text, at) == '(';
  if (parenthesis) ++at;
  if (!IsCode(text, at, true)) return number;
  at += 3;
  char first = ByteAt(text, at);
  if (parenthesis) {
    if (first != ')') return number;
    ++at;
    first = ByteAt(text, at);
    if (IsSpace(first) || first == '-' || first == '.') ++at;
    first = ')';
  } else if (first == '-' || first == '.' || IsSpace(first) || first == '/') {
    ++at;
  } else if (!compact) {
    return number;
  } else {
    first = '\0';
  }
  if (!IsCode(text, at, false)) return number;
  at += 3;
  const char second = ByteAt(text, at);
  if (second == '-' || second == '.' || IsSpace(second)) {
    if (first == '\0') return number;
    ++at;
  } else if (first != '\0' && !parenthesis && !compact) {
    return number;
  }
  if (!IsFourDigits(text, at)) return number;
  number.end = at + 4;
  number.columns = first == ' ' && !(second == '-' || second == '.');
  number.slash = first == '/';
  return number;
}

// An extension that follows at once: 555-0132x9, 555-0132ext9.
bool IsExtension(std::string_view text, size_t at) {
  if (Lower(ByteAt(text, at)) == 'e') ++at;
  if (Lower(ByteAt(text, at)) != 'x') return false;
  ++at;
  if (Lower(ByteAt(text, at)) == 't') ++at;
  if (ByteAt(text, at) == '.' || ByteAt(text, at) == ' ') ++at;
  return IsDigit(ByteAt(text, at));
}

bool EndsAt(std::string_view text, const Number& number, bool columns) {
  const size_t end = number.end;
  const char after = ByteAt(text, end);
  if (IsDigit(after) || after == '_') return false;
  if (IsLetter(after)) return IsExtension(text, end);
  const bool joins = after == '-' || after == '.' || (number.slash && after == '/') || (columns && after == ' ');
  return !(joins && IsDigit(ByteAt(text, end + 1)));
}

bool BeginsAt(std::string_view text, size_t begin, bool slash, bool columns) {
  const char before = ByteBefore(text, begin);
  if (text[begin] != '(' && (IsAlnum(before) || before == '+')) return false;
  const bool joins =
      before == '-' || before == '.' || (slash && before == '/') || before == ')' || (columns && before == ' ');
  return !(joins && IsDigit(ByteBefore(text, begin, 2)));
}

// Bytes of a country code at `at`, with what separates it: `+1 `, `1-`, `001.`; 0: none.
size_t CountryBytes(std::string_view text, size_t at, bool* plus) {
  size_t end = at;
  *plus = ByteAt(text, at) == '+';
  if (*plus) {
    ++end;
  } else if (ByteAt(text, at) == '0' && ByteAt(text, at + 1) == '0') {
    end += 2;
  }
  if (ByteAt(text, end) != '1') return 0;
  ++end;
  const char separator = ByteAt(text, end);
  if (IsSpace(separator) || separator == '-' || separator == '.') return end + 1 - at;
  return *plus || separator == '(' ? end - at : 0;
}

// `1` or `001` with ten digits at once behind it.
size_t BareCountryBytes(std::string_view text, size_t at) {
  const size_t zeros = ByteAt(text, at) == '0' && ByteAt(text, at + 1) == '0' ? 2 : 0;
  return ByteAt(text, at + zeros) == '1' && DigitsEnd(text, at) == at + zeros + 11 ? zeros + 1 : 0;
}

bool SaysPhone(std::string_view text, size_t at) {
  return HasKeywordBefore(text, at, 24, {"phone", "mobile", "tel", "cell", "fax", "call", "sms", "msisdn"});
}

}  // namespace

void ScanUsPhone(std::string_view text, size_t first, size_t last, Finds* finds) {
  for (size_t at = ScanStart(first); at <= last && at + 10 <= text.size(); ++at) {
    const char c = text[at];
    if (!IsDigit(c) && c != '+' && c != '(') continue;
    // Most places are digits within numbers.
    if (c != '(' && IsAlnum(ByteBefore(text, at))) continue;
    bool plus;
    const size_t country = CountryBytes(text, at, &plus);
    Number number;
    if (country > 0) number = NumberAt(text, at + country, plus);
    if (number.end == 0 && c != '+') number = NumberAt(text, at, false);
    if (number.end == 0 && c != '+') {
      // Bare digits, with or without the country before them; the word is the dearer question.
      const size_t bare = BareCountryBytes(text, at);
      if (bare > 0) number = NumberAt(text, at + bare, true);
      if (number.end == 0 && country > 0) number = NumberAt(text, at + country, true);
      if (number.end == 0) number = NumberAt(text, at, true);
      if (number.end > 0 && !SaysPhone(text, at)) continue;
    }
    if (number.end == 0) continue;
    const bool columns = number.columns && !plus;
    if (!BeginsAt(text, at, number.slash, columns) || !EndsAt(text, number, columns)) continue;
    finds->push_back({at, number.end});
    at = number.end - 1;
  }
}

}  // namespace streamgate::detect
