// Private keys in PEM (RFC 7468) and PGP armour (RFC 9580), from BEGIN to END; line ends may be escaped, once or more
// often, or replaced by spaces. One that is cut off is taken as far as it goes; a mere mention of the marker is not.
#include <algorithm>

#include "detect/bytes.h"
#include "detect/scanners.h"

namespace streamgate::detect {
namespace {

// A plus is a space in a form: -----BEGIN+PRIVATE+KEY-----.
constexpr std::string_view kBegin = "-----BEGIN";
constexpr std::string_view kEnd = "-----END";
constexpr std::string_view kDashes = "-----";
constexpr size_t kLabelBytesMax = 48;
constexpr size_t kKeyBytesMax = 64 * 1024;
// Of base64 in a row: less is no key but words behind a marker.
constexpr size_t kRunBytesMin = 24;

bool IsBase64(char c) { return IsAlnum(c) || c == '+' || c == '/' || c == '='; }
// Line ends as they are or escaped, and what headers such as `Proc-Type: 4,ENCRYPTED` hold.
bool IsBetween(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\\' || c == ':' || c == ',' || c == '.' || c == '-' ||
         c == '(' || c == ')';
}

// Behind the label and the dashes that close it; 0: the label is no private key's.
size_t LabelEnd(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && end - at < kLabelBytesMax &&
         (IsUpper(text[end]) || IsDigit(text[end]) || text[end] == ' ' || text[end] == '+'))
    ++end;
  const std::string_view label = text.substr(at, end - at);
  if ((label.find(" PRIVATE KEY") == std::string_view::npos && label.find("+PRIVATE+KEY") == std::string_view::npos) ||
      text.substr(end, kDashes.size()) != kDashes)
    return 0;
  return end + kDashes.size();
}

// Where the END line ends that follows `body` with something else than line ends between the lines, such as `","` or
// `' + '`; 0: there is none, or nothing before it that could be a key.
size_t EndBehindAnything(std::string_view text, size_t body) {
  const std::string_view reach = text.substr(0, std::min(text.size(), body + kKeyBytesMax));
  const size_t dashes = reach.find(kDashes, body);
  if (dashes == std::string_view::npos || text.substr(dashes, kEnd.size()) != kEnd) return 0;
  size_t run = 0;
  for (size_t at = body; at < dashes; ++at) {
    run = IsBase64(text[at]) ? run + 1 : 0;
    if (run >= kRunBytesMin) return LabelEnd(text, dashes + kEnd.size());
  }
  return 0;
}

// Where the key whose marker ends at `body` ends; 0: nothing follows that could be one.
size_t KeyEnd(std::string_view text, size_t body) {
  size_t at = body;
  size_t run = 0;
  bool key = false;
  // Where what is certainly the key's ends.
  size_t certain = 0;
  for (; at < text.size() && at - body < kKeyBytesMax; ++at) {
    const char c = text[at];
    if (c == '-' && text.substr(at, kDashes.size()) == kDashes) {
      if (text.substr(at, kEnd.size()) != kEnd || !key) break;
      const size_t end = LabelEnd(text, at + kEnd.size());
      return end > 0 ? end : certain;
    }
    if (IsBase64(c)) {
      ++run;
      if (run >= kRunBytesMin) {
        key = true;
        certain = at + 1;
      }
    } else if (IsBetween(c)) {
      // In `\n` the letter is counted to the line that follows; one more or less does not matter.
      run = 0;
    } else {
      break;
    }
  }
  if (const size_t end = EndBehindAnything(text, body); end > 0) return end;
  // The last line of a key that is cut off may be short.
  return key && at == text.size() && run > 0 ? at : certain;
}

}  // namespace

void ScanPrivateKey(std::string_view text, size_t first, size_t last, Finds* finds) {
  size_t at = ScanStart(first);
  for (;;) {
    at = text.find(kBegin, at);
    if (at == std::string_view::npos || at > last) return;
    const size_t body = LabelEnd(text, at + kBegin.size());
    const size_t end = body > 0 ? KeyEnd(text, body) : 0;
    if (end > 0) finds->push_back({at, end});
    at = end > 0 ? end : at + kBegin.size();
  }
}

}  // namespace streamgate::detect
