// IPv6 addresses in the forms of RFC 4291 section 2.2, with an IPv4 tail too; a zone, a prefix length or a port behind
// it stays.
#include "detect/bytes.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

bool IsPart(char c) { return IsHex(c) || c == ':' || c == '.'; }

bool IsIpv4Tail(std::string_view tail) {
  int octets = 0;
  size_t at = 0;
  while (octets < 4) {
    unsigned value = 0;
    size_t end = at;
    while (end < tail.size() && end < at + 3 && IsDigit(tail[end]))
      value = value * 10 + static_cast<unsigned>(tail[end++] - '0');
    if (end == at || value > 255) return false;
    ++octets;
    at = end + 1;
    if (octets == 4) return end == tail.size();
    if (end >= tail.size() || tail[end] != '.') return false;
  }
  return false;
}

// Is all of `text` an address, and one that is not rather something else?
bool IsAddress(std::string_view text) {
  int groups = 0;
  bool compressed = false;
  bool digit = false;
  bool pairs = true;
  bool tail = false;
  size_t first_group = 0;
  size_t at = 0;
  if (text.size() >= 2 && text[0] == ':' && text[1] == ':') {
    compressed = true;
    at = 2;
  }
  while (at < text.size()) {
    size_t end = at;
    while (end < text.size() && IsHex(text[end])) {
      digit = digit || IsDigit(text[end]);
      ++end;
    }
    if (end < text.size() && text[end] == '.') {
      if (!IsIpv4Tail(text.substr(at))) return false;
      groups += 2;
      tail = true;
      break;
    }
    if (end == at || end - at > 4) return false;
    if (groups == 0 && at == 0) first_group = end;
    pairs = pairs && end - at == 2;
    if (++groups > 8) return false;
    if (end == text.size()) break;
    // A colon: another group follows, or :: once.
    at = end + 1;
    if (at < text.size() && text[at] == ':') {
      if (compressed) return false;
      compressed = true;
      ++at;
    } else if (at == text.size()) {
      return false;
    }
  }
  if (compressed ? groups > 7 : groups != 8) return false;
  // Words of a program, `abc::def`, are no addresses, nor is a pair of numbers, `1::2`; 50:06:01:60:3b:20:4e:7f is an
  // EUI-64 or a world wide name.
  if (!digit || groups == 0 || (pairs && !compressed)) return false;
  return !compressed || tail || first_group == 0 || first_group >= 3 || groups >= 3;
}

// One colon, or a third, belongs to what is written around it: `2001:db8::1: refused`, `fe80::: down`.
bool EndsWithLabelColon(std::string_view text) {
  const size_t size = text.size();
  if (size < 2 || text[size - 1] != ':') return false;
  return text[size - 2] != ':' || (size > 2 && text[size - 3] == ':');
}

// A port behind a dot, as tcpdump writes it: `2001:db8::1.443`. Bytes of the address; 0: it is none either.
size_t WithoutPort(std::string_view text) {
  constexpr size_t kPortDigitsMax = 5;
  // `::1.2` is rather something else.
  constexpr size_t kAddressBytesMin = 6;
  size_t dot = text.size();
  while (dot > 0 && IsDigit(text[dot - 1])) --dot;
  if (dot == 0 || text[dot - 1] != '.' || text.size() - dot > kPortDigitsMax) return 0;
  --dot;
  return dot >= kAddressBytesMin && IsAddress(text.substr(0, dot)) ? dot : 0;
}

}  // namespace

void ScanIpv6(std::string_view text, size_t first, size_t last, Finds* finds) {
  size_t at = ScanStart(first);
  while (at > 0 && IsPart(text[at - 1])) --at;
  while (at <= last && at < text.size()) {
    if (!IsPart(text[at])) {
      ++at;
      continue;
    }
    size_t begin = at;
    size_t end = begin;
    int colons = 0;
    bool doubled = false;
    bool dotted = false;
    for (; end < text.size() && IsPart(text[end]); ++end) {
      dotted = dotted || text[end] == '.';
      if (text[end] != ':') continue;
      ++colons;
      doubled = doubled || (end > begin && text[end - 1] == ':');
    }
    at = end;
    if (colons < 2 || (!doubled && colons < (dotted ? 6 : 7))) continue;
    const char after = ByteAt(text, end);
    if (IsAlnum(after) || after == '_') continue;
    // The end of a sentence or of a label.
    while (end > begin && (text[end - 1] == '.' || EndsWithLabelColon(text.substr(begin, end - begin)))) --end;
    // `iface:2001:db8::1`, `ip6:::1`: a word, of which the last letters look like a group.
    if (IsAlnum(ByteBefore(text, begin)) || ByteBefore(text, begin) == '_') {
      size_t word = begin;
      // Within JSON's `\n2001:…` the letter is no word's.
      const bool escape = ByteBefore(text, begin, 2) == '\\';
      while (word < end && (escape ? IsLetter(text[word]) : IsAlnum(text[word]))) ++word;
      if (ByteAt(text, word) != ':' || (ByteAt(text, word + 1) == ':' && ByteAt(text, word + 2) != ':')) continue;
      begin = word + 1;
    } else if (text[begin] == ':' && ByteAt(text, begin + 1) != ':') {
      ++begin;
    }
    if (begin >= end) continue;
    const std::string_view address = text.substr(begin, end - begin);
    if (IsAddress(address)) {
      finds->push_back({begin, end});
    } else if (const size_t size = WithoutPort(address); size > 0) {
      finds->push_back({begin, begin + size});
    }
  }
}

}  // namespace streamgate::detect
