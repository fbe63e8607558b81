// Passwords in URLs: `scheme://user:password@host` (RFC 3986 section 3.2.1). The password alone is taken; where there
// is a token in the user's place, the token.
#include "detect/bytes.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

constexpr size_t kAuthorityBytesMax = 2048;
constexpr size_t kTokenBytesMin = 16;

bool EndsAuthority(char c) {
  return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '?' || c == '#' || c == '"' || c == '\'' ||
         c == '<' || c == '>' || c == '\\' || c == '`' || c == '|' || c == '{' || c == '}' || c == '\x7f';
}

// `***`, `xxxx`, `[REDACTED]`: somebody was here before.
bool IsMasked(std::string_view password) {
  if (password.front() == '[' && password.back() == ']') return true;
  for (const char c : password)
    if (c != '*' && c != 'x' && c != 'X') return false;
  return true;
}

bool LooksLikeToken(std::string_view user) {
  bool letter = false;
  bool digit = false;
  for (const char c : user) {
    letter = letter || IsLetter(c);
    digit = digit || IsDigit(c);
    if (c == '.') return false;
  }
  return user.size() >= kTokenBytesMin && letter && digit;
}

}  // namespace

void ScanUrlCredentials(std::string_view text, size_t first, size_t last, Finds* finds) {
  size_t at = ScanStart(first);
  for (;;) {
    at = text.find("://", at);
    if (at == std::string_view::npos || at > last) return;
    const bool scheme = IsAlnum(ByteBefore(text, at));
    const size_t authority = at + 3;
    at = authority;
    if (!scheme) continue;
    size_t host = 0;
    size_t colon = 0;
    size_t end = authority;
    for (; end < text.size() && end - authority < kAuthorityBytesMax && !EndsAuthority(text[end]); ++end) {
      if (text[end] == '@') host = end + 1;
      if (text[end] == ':' && colon == 0 && host == 0) colon = end;
    }
    at = end;
    if (host == 0 || host == end || (!IsAlnum(text[host]) && text[host] != '[' && !IsBeyondAscii(text[host]))) continue;
    const size_t begin = colon > 0 ? colon + 1 : authority;
    if (begin >= host - 1) continue;
    const std::string_view value = text.substr(begin, host - 1 - begin);
    if (IsMasked(value) || (colon == 0 && !LooksLikeToken(value))) continue;
    finds->push_back({begin, host - 1});
  }
}

}  // namespace streamgate::detect
