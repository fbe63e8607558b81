// IPv4 addresses in dotted decimal: four numbers up to 255 without leading zeros, not part of a longer dotted number,
// nor a version by what stands around it.
#include "detect/bytes.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

// Where the number at `at` ends when it is one of 0 to 255; else `at`.
size_t OctetEnd(std::string_view text, size_t at) {
  unsigned value = 0;
  size_t end = at;
  while (end < at + 3 && IsDigit(ByteAt(text, end))) value = value * 10 + static_cast<unsigned>(text[end++] - '0');
  if (end == at || value > 255 || (text[at] == '0' && end > at + 1) || IsDigit(ByteAt(text, end))) return at;
  return end;
}

// Chrome/120.0.0.0 and the like: a browser's name before it.
bool IsVersion(std::string_view text, size_t begin, size_t end) {
  if (ByteBefore(text, begin) != '/') return false;
  size_t name = begin - 1;
  while (name > 0 && begin - name < 24 && IsLetter(text[name - 1])) --name;
  const std::string_view product = text.substr(name, begin - 1 - name);
  if (product.empty()) return false;
  for (const std::string_view browser :
       {"Chrome", "HeadlessChrome", "Chromium", "CriOS", "Edg", "EdgA", "Firefox", "OPR", "Opera", "Safari", "Version",
        "Electron", "Vivaldi", "Brave", "YaBrowser"})
    if (product == browser) return true;
  return end - begin >= 7 && text.substr(end - 6, 6) == ".0.0.0";
}

}  // namespace

void ScanIpv4(std::string_view text, size_t first, size_t last, Finds* finds) {
  for (size_t at = ScanStart(first); at <= last && at + 7 <= text.size(); ++at) {
    if (!IsDigit(text[at])) continue;
    const char before = ByteBefore(text, at);
    if (IsDigit(before)) continue;
    const size_t begin = at;
    size_t end = begin;
    int octets = 0;
    while (octets < 4) {
      const size_t octet = octets == 0 ? end : end + 1;
      if (octets > 0 && ByteAt(text, end) != '.') break;
      const size_t octet_end = OctetEnd(text, octet);
      if (octet_end == octet) break;
      end = octet_end;
      ++octets;
    }
    // What has been read holds no other beginning of one that stands alone.
    at = DigitsEnd(text, begin) - 1;
    if (octets < 4) continue;
    if (IsLetter(before) || before == '_' || before == '.') continue;
    const char after = ByteAt(text, end);
    const char after_that = ByteAt(text, end + 1);
    if (IsAlnum(after) || after == '_') continue;
    if (after == '-' && IsLetter(after_that)) continue;
    if (after == '.' && IsAlnum(after_that)) {
      // A port behind a dot, as tcpdump and netstat write it: more than an octet holds.
      const size_t port = end + 1;
      const size_t port_end = DigitsEnd(text, port);
      unsigned value = 0;
      if (port_end - port <= 5)
        for (size_t i = port; i < port_end; ++i) value = value * 10 + static_cast<unsigned>(text[i] - '0');
      const char behind = ByteAt(text, port_end);
      if (value < 256 || value > 65535 || IsAlnum(behind) || (behind == '.' && IsAlnum(ByteAt(text, port_end + 1))))
        continue;
    }
    if (IsVersion(text, begin, end)) continue;
    finds->push_back({begin, end});
    at = end - 1;
  }
}

}  // namespace streamgate::detect
