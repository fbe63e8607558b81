// Users and passwords behind the word Basic (RFC 7617 section 2): base64 that decodes to text with a colon. English
// that follows the word does not.
#include "detect/bytes.h"
#include "detect/keyword.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

constexpr std::string_view kWord = "basic";
constexpr size_t kSpacesMax = 8;
constexpr size_t kBytesMin = 8;
constexpr size_t kBytesMax = 4096;

// -1: no character of base64.
int SextetOf(char c) {
  if (IsUpper(c)) return c - 'A';
  if (IsLower(c)) return c - 'a' + 26;
  if (IsDigit(c)) return c - '0' + 52;
  return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

// Does it decode to a user and a password? `ascii`: of ASCII alone.
bool IsUserAndPassword(std::string_view base64, bool ascii) {
  if (base64.size() % 4 == 1) return false;
  unsigned bits = 0;
  bool colon = false;
  for (size_t i = 0; i < base64.size(); ++i) {
    bits = (bits << 6 | static_cast<unsigned>(SextetOf(base64[i]))) & 0xFFFF;
    if (i % 4 == 0) continue;
    const unsigned byte = bits >> (6 - 2 * (i % 4)) & 0xFF;
    if (byte < 0x20 || byte == 0x7F || (ascii && byte > 0x7F)) return false;
    colon = colon || byte == ':';
  }
  return colon;
}

}  // namespace

void ScanBasicAuth(std::string_view text, size_t first, size_t last, Finds* finds) {
  for (size_t at = ScanStart(first); at <= last && at + kWord.size() + kBytesMin < text.size(); ++at) {
    size_t begin = at;
    while (begin < at + kWord.size() && Lower(ByteAt(text, begin)) == kWord[begin - at]) ++begin;
    if (begin < at + kWord.size()) continue;
    const size_t word = at;
    at = begin - 1;
    const char before = ByteBefore(text, word);
    if (IsAlnum(before) || before == '_') continue;
    // A plus is a space in a form.
    size_t spaces = 0;
    while (spaces < kSpacesMax &&
           (ByteAt(text, begin) == ' ' || ByteAt(text, begin) == '\t' || ByteAt(text, begin) == '+')) {
      ++begin;
      ++spaces;
    }
    if (spaces == 0) continue;
    size_t end = begin;
    while (end < text.size() && end - begin <= kBytesMax && SextetOf(text[end]) >= 0) ++end;
    if (end - begin < kBytesMin || end - begin > kBytesMax) continue;
    // Letters beyond ASCII are what words decode to, too.
    const bool named = HasKeywordBefore(text, word, 32, {"authorization"});
    if (!IsUserAndPassword(text.substr(begin, end - begin), !named)) continue;
    for (size_t padding = 0; padding < 2 && ByteAt(text, end) == '='; ++padding) ++end;
    finds->push_back({begin, end});
    at = end - 1;
  }
}

}  // namespace streamgate::detect
