// E-mail addresses as people have them: a dot-atom (RFC 5322 section 3.4.1), @, a host name whose last label is
// alphabetic or punycode (RFC 1123, RFC 5890).
#include <cstring>

#include "detect/bytes.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

bool IsLocal(char c) { return IsAlnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-' || c == '~'; }

// Where the part before the @ begins; `at` where there is none. Looks no further back than `from`.
size_t LocalBegin(std::string_view text, size_t from, size_t at) {
  size_t begin = at;
  // Letters beyond ASCII belong to an address only where they stand at the @: before ASCII they are mostly the text's.
  const bool international = IsBeyondAscii(ByteBefore(text, at));
  while (begin > from) {
    const char c = text[begin - 1];
    if (IsLocal(c) || (international && IsBeyondAscii(c))) {
      --begin;
    } else if (c == '\'' && begin < at && IsLetter(text[begin]) && begin - 1 > from && IsLetter(text[begin - 2])) {
      // O'Brien, but not the quote of 'a@b.example'.
      --begin;
    } else {
      break;
    }
  }
  while (begin < at && (text[begin] == '.' || text[begin] == '-')) ++begin;
  return begin;
}

// Where the quoted part before the @ begins (RFC 5321 section 4.1.2: "john doe"@host); `at` where there is none.
size_t QuotedBegin(std::string_view text, size_t from, size_t at) {
  constexpr size_t kQuotedBytesMax = 66;
  if (at < from + 3 || text[at - 1] != '"' || text[at - 2] == '\\') return at;
  for (size_t begin = at - 2; begin > from && at - begin < kQuotedBytesMax; --begin) {
    const char c = text[begin - 1];
    if (static_cast<unsigned char>(c) < ' ') return at;
    if (c == '"' && (begin < 2 || text[begin - 2] != '\\')) return begin - 1;
  }
  return at;
}

// What `package@1.2.3-rc.ab` has behind the @: a version (semver.org), no host.
bool IsVersion(std::string_view text, size_t begin) {
  for (int number = 0; number < 3; ++number) {
    const size_t end = DigitsEnd(text, begin);
    if (end == begin || ByteAt(text, end) != (number < 2 ? '.' : '-')) return false;
    begin = end + 1;
  }
  return true;
}

// File names and units that look like addresses: icon@2x.png, getty@tty1.service.
bool IsFileName(std::string_view host, std::string_view top) {
  for (const char* const name :
       {"service", "socket", "timer", "mount", "slice", "scope", "png", "jpg", "jpeg", "gif", "webp", "svg"}) {
    if (top.size() != std::strlen(name)) continue;
    size_t i = 0;
    while (i < top.size() && Lower(top[i]) == name[i]) ++i;
    if (i == top.size()) return top.size() > 4 || (IsDigit(host[0]) && (host[1] == 'x' || host[1] == 'X'));
  }
  return false;
}

// Where the host name that begins at `begin` ends; `begin`: it is none.
size_t HostEnd(std::string_view text, size_t begin) {
  size_t end = begin;
  // As the detector's pattern has it.
  if (!IsAlnum(ByteAt(text, begin))) return end;
  size_t label = begin;
  for (size_t at = begin;; ++at) {
    const char c = ByteAt(text, at);
    if (IsAlnum(c) || c == '-' || c == '_') continue;
    if (at == label || text[label] == '-') break;
    // Is this label one with which a host name can end?
    size_t letters = label;
    while (letters < at && IsLetter(text[letters])) ++letters;
    const bool punycode = at - label > 4 && Lower(text[label]) == 'x' && Lower(text[label + 1]) == 'n' &&
                          text[label + 2] == '-' && text[label + 3] == '-';
    if (label > begin) {
      if (punycode) {
        end = at;
      } else if (letters - label >= 2 && letters - label <= 24 && (letters == at || !IsAlnum(text[letters])) &&
                 !IsFileName(text.substr(begin, at - begin), text.substr(label, letters - label))) {
        end = letters;
      }
    }
    if (c != '.') break;
    label = at + 1;
  }
  return end;
}

}  // namespace

void ScanEmail(std::string_view text, size_t first, size_t last, Finds* finds) {
  size_t from = 0;
  for (size_t at = first; at <= last && at < text.size(); ++at) {
    const void* const found = std::memchr(text.data() + at, '@', text.size() - at);
    if (found == nullptr) return;
    at = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    if (at > last) return;
    size_t begin = LocalBegin(text, from, at);
    if (begin == at) begin = QuotedBegin(text, from, at);
    if (begin == at || IsVersion(text, at + 1)) continue;
    const size_t end = HostEnd(text, at + 1);
    if (end == at + 1) continue;
    finds->push_back({begin, end});
    from = end;
    at = end - 1;
  }
}

}  // namespace streamgate::detect
