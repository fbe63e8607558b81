// Tokens behind the word Bearer (RFC 6750 section 2.1), in any case; the token alone is taken. English that follows the
// word is told from a token by length and digits.
#include "detect/bytes.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

constexpr std::string_view kWord = "bearer";
constexpr size_t kGapBytesMax = 8;
constexpr size_t kBytesMin = 10;
constexpr size_t kBytesMinWithoutDigit = 20;
// Of a token that is not written as RFC 6750 says: `bearer: …`, `"bearer":"…"`.
constexpr size_t kBytesMinBehindSign = 16;

// b64token of RFC 6750.
bool IsToken(char c) { return IsBase64Url(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '='; }

bool IsBearer(std::string_view text, size_t at) {
  for (size_t i = 0; i < kWord.size(); ++i)
    if (Lower(ByteAt(text, at + i)) != kWord[i]) return false;
  return true;
}

bool IsValue(std::string_view token) {
  bool digit = false;
  bool upper = false;
  bool lower = false;
  for (const char c : token) {
    digit = digit || IsDigit(c);
    upper = upper || IsUpper(c);
    lower = lower || IsLower(c);
  }
  return digit ? token.size() >= kBytesMin : token.size() >= kBytesMinWithoutDigit && upper && lower;
}

bool IsGap(char c) { return c == ' ' || c == '\t' || c == '+' || c == ':' || c == '=' || c == '"' || c == '\''; }

bool IsStrong(std::string_view token) {
  bool digit = false;
  bool letter = false;
  for (const char c : token) {
    digit = digit || IsDigit(c);
    letter = letter || IsLetter(c);
  }
  return digit && letter && token.size() >= kBytesMinBehindSign;
}

}  // namespace

void ScanBearerToken(std::string_view text, size_t first, size_t last, Finds* finds) {
  for (size_t at = ScanStart(first); at <= last && at + kWord.size() < text.size(); ++at) {
    if (Lower(text[at]) != 'b' || !IsBearer(text, at)) continue;
    const char before = ByteBefore(text, at);
    size_t begin = at + kWord.size();
    at = begin - 1;
    if (IsAlnum(before) || before == '_') continue;
    // A plus is a space in a form.
    size_t gap = 0;
    bool sign = false;
    while (gap < kGapBytesMax && IsGap(ByteAt(text, begin))) {
      const char c = text[begin++];
      sign = sign || !(c == ' ' || c == '\t' || c == '+');
      ++gap;
    }
    if (gap == 0) continue;
    size_t end = begin;
    while (end < text.size() && IsToken(text[end])) ++end;
    // The end of a sentence; padding belongs to the token.
    while (end > begin && text[end - 1] == '.') --end;
    const std::string_view token = text.substr(begin, end - begin);
    if (!IsValue(token) || (sign && !IsStrong(token))) continue;
    finds->push_back({begin, end});
    at = end - 1;
  }
}

}  // namespace streamgate::detect
