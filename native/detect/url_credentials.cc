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

// Is the URL whose `://` stands at `at` itself in single quotes, so that the next one ends it? Else one may belong to
// the password (RFC 3986 section 2.2 has it among the sub-delims).
bool IsInQuotes(std::string_view text, size_t at) {
  constexpr size_t kSchemeBytesMax = 32;
  size_t begin = at;
  while (begin > 0 && at - begin < kSchemeBytesMax &&
         (IsAlnum(text[begin - 1]) || text[begin - 1] == '+' || text[begin - 1] == '-' || text[begin - 1] == '.' ||
          text[begin - 1] == ':'))
    --begin;
  return ByteBefore(text, begin) == '\'';
}

// May the single quote at `at` be a password's? Not where a list or a sentence goes on behind it.
bool IsQuoteInside(std::string_view text, size_t at) {
  const char after = ByteAt(text, at + 1);
  return after != ',' && after != ';' && after != ')' && after != ']' && after != ':' && after != '.' &&
         !(EndsAuthority(after) && after != '\'');
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
    const bool quoted = scheme && IsInQuotes(text, at);
    const size_t authority = at + 3;
    at = authority;
    if (!scheme) continue;
    size_t host = 0;
    size_t colon = 0;
    size_t end = authority;
    for (; end < text.size() && end - authority < kAuthorityBytesMax; ++end) {
      if (EndsAuthority(text[end]) &&
          (text[end] != '\'' || colon == 0 || host > 0 || quoted || !IsQuoteInside(text, end)))
        break;
      if (text[end] == '@') host = end + 1;
      if (text[end] == ':' && colon == 0 && host == 0) colon = end;
    }
    at = end;
    if (host == 0) continue;
    // A database's socket has no host: postgres://user:password@/name (RFC 3986 section 3.2.2 lets it be empty).
    const char first_of_host = ByteAt(text, host);
    if (!IsAlnum(first_of_host) && first_of_host != '[' && first_of_host != '_' && !IsBeyondAscii(first_of_host) &&
        !(first_of_host == '/' && colon > 0))
      continue;
    const size_t begin = colon > 0 ? colon + 1 : authority;
    if (begin >= host - 1) continue;
    const std::string_view value = text.substr(begin, host - 1 - begin);
    if (IsMasked(value) || (colon == 0 && !LooksLikeToken(value))) continue;
    finds->push_back({begin, host - 1});
  }
}

}  // namespace streamgate::detect
