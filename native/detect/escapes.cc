// See escapes.h.
#include "detect/escapes.h"

#include <algorithm>
#include <cstring>

#include "detect/bytes.h"

namespace streamgate::detect {
namespace {

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  return IsHex(c) ? (c | 0x20) - 'a' + 10 : -1;
}

// Four hexadecimal digits at `at`; -1: there are none.
int Unit(std::string_view text, size_t at) {
  int unit = 0;
  for (size_t i = 0; i < 4; ++i) {
    const int value = HexValue(ByteAt(text, at + i));
    if (value < 0) return -1;
    unit = unit << 4 | value;
  }
  return unit;
}

size_t Utf8(int rune, char* bytes) {
  if (rune < 0x80) {
    bytes[0] = static_cast<char>(rune);
    return 1;
  }
  if (rune < 0x800) {
    bytes[0] = static_cast<char>(0xC0 | rune >> 6);
    bytes[1] = static_cast<char>(0x80 | (rune & 0x3F));
    return 2;
  }
  if (rune < 0x10000) {
    bytes[0] = static_cast<char>(0xE0 | rune >> 12);
    bytes[1] = static_cast<char>(0x80 | (rune >> 6 & 0x3F));
    bytes[2] = static_cast<char>(0x80 | (rune & 0x3F));
    return 3;
  }
  bytes[0] = static_cast<char>(0xF0 | rune >> 18);
  bytes[1] = static_cast<char>(0x80 | (rune >> 12 & 0x3F));
  bytes[2] = static_cast<char>(0x80 | (rune >> 6 & 0x3F));
  bytes[3] = static_cast<char>(0x80 | (rune & 0x3F));
  return 4;
}

// The next escape character from `at` on, of which each kind is looked for once.
class EscapeSearch {
 public:
  EscapeSearch(std::string_view text, unsigned decode)
      : text_(text),
        backslash_((decode & kDecodeJson) != 0 ? 0 : npos),
        percent_((decode & kDecodeUrl) != 0 ? 0 : npos),
        bracket_((decode & kDecodeColour) != 0 ? 0 : npos) {
    if (backslash_ != npos) backslash_ = text.find('\\');
    if (percent_ != npos) percent_ = text.find('%');
    if (bracket_ != npos) bracket_ = text.find('[');
  }
  size_t From(size_t at) {
    if (backslash_ < at) backslash_ = text_.find('\\', at);
    if (percent_ < at) percent_ = text_.find('%', at);
    if (bracket_ < at) bracket_ = text_.find('[', at);
    return std::min(std::min(backslash_, percent_), bracket_);
  }
  static constexpr size_t npos = std::string_view::npos;

 private:
  std::string_view text_;
  size_t backslash_;
  size_t percent_;
  size_t bracket_;
};

// Bytes of the terminal's sequence whose bracket stands at `at`, without what stands for ESC; 0: there is none. Only
// behind ESC itself it may have no numbers or end with another letter than a colour's `m`.
size_t ColourBytes(std::string_view text, size_t at) {
  constexpr size_t kNumbersMax = 24;
  size_t end = at + 1;
  while (end - at <= kNumbersMax && (IsDigit(ByteAt(text, end)) || ByteAt(text, end) == ';')) ++end;
  const bool escaped = ByteBefore(text, at) == '\x1b';
  const bool ends = escaped ? IsLetter(ByteAt(text, end)) : ByteAt(text, end) == 'm' && end > at + 1;
  return ends ? end + 1 - at : 0;
}

}  // namespace

size_t EscapeAt(std::string_view text, size_t at, unsigned decode, char* bytes, size_t* count) {
  *count = 1;
  if (text[at] == '[') {
    bytes[0] = ' ';
    return (decode & kDecodeColour) != 0 ? ColourBytes(text, at) : 0;
  }
  if (text[at] == '%') {
    if ((decode & kDecodeUrl) == 0) return 0;
    const int high = HexValue(ByteAt(text, at + 1));
    const int low = HexValue(ByteAt(text, at + 2));
    if (high < 0 || low < 0) return 0;
    bytes[0] = static_cast<char>(high << 4 | low);
    return 3;
  }
  if ((decode & kDecodeJson) == 0) return 0;
  switch (ByteAt(text, at + 1)) {
    case '"':
    case '\\':
    case '/':
      bytes[0] = text[at + 1];
      return 2;
    case 'b':
      bytes[0] = '\b';
      return 2;
    case 'f':
      bytes[0] = '\f';
      return 2;
    case 'n':
      bytes[0] = '\n';
      return 2;
    case 'r':
      bytes[0] = '\r';
      return 2;
    case 't':
      bytes[0] = '\t';
      return 2;
    case 'u':
      break;
    default:
      return 0;
  }
  const int unit = Unit(text, at + 2);
  if (unit < 0) return 0;
  if (unit < 0xD800 || unit > 0xDFFF) {
    *count = Utf8(unit, bytes);
    return 6;
  }
  const int second =
      unit < 0xDC00 && ByteAt(text, at + 6) == '\\' && ByteAt(text, at + 7) == 'u' ? Unit(text, at + 8) : -1;
  if (second < 0xDC00 || second > 0xDFFF) {
    *count = Utf8(0xFFFD, bytes);
    return 6;
  }
  *count = Utf8(0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00), bytes);
  return 12;
}

bool HidesCharacters(std::string_view text, unsigned decode) {
  EscapeSearch search(text, decode);
  for (size_t at = search.From(0); at != std::string_view::npos; at = search.From(at + 1)) {
    if (text[at] == '%') {
      if (HexValue(ByteAt(text, at + 1)) >= 0 && HexValue(ByteAt(text, at + 2)) >= 0) return true;
      continue;
    }
    if (text[at] == '[') {
      if (ColourBytes(text, at) > 0) return true;
      continue;
    }
    // However many backslashes: with each layer half of them go.
    while (ByteAt(text, at + 1) == '\\') ++at;
    if (ByteAt(text, at + 1) == '/' || (ByteAt(text, at + 1) == 'u' && Unit(text, at + 2) >= 0)) return true;
  }
  return false;
}

bool Unescaped::Decode(std::string_view text, unsigned decode) {
  bytes_.Clear();
  escapes_.clear();
  EscapeSearch search(text, decode);
  size_t copied = 0;
  for (size_t at = search.From(0); at != std::string_view::npos;) {
    char bytes[4];
    size_t count;
    const size_t escape = EscapeAt(text, at, decode, bytes, &count);
    if (escape > 0) {
      bytes_.Append(text.data() + copied, at - copied);
      escapes_.push_back({bytes_.size(), count, at, escape});
      bytes_.Append(bytes, count);
      copied = at + escape;
    }
    at = search.From(at + std::max<size_t>(escape, 1));
  }
  if (escapes_.empty()) return false;
  bytes_.Append(text.data() + copied, text.size() - copied);
  return true;
}

const Unescaped::Escape* Unescaped::Before(size_t at) const {
  const auto after = std::lower_bound(escapes_.begin(), escapes_.end(), at,
                                      [](const Escape& escape, size_t place) { return escape.at < place; });
  return after == escapes_.begin() ? nullptr : &*(after - 1);
}

Find Unescaped::Origin(size_t begin, size_t end) const {
  // At `begin` an escape may begin, or one that began before may go on.
  Find origin = {begin, end};
  if (const Escape* escape = Before(begin + 1))
    origin.begin = begin < escape->at + escape->bytes
                       ? escape->escape_at
                       : escape->escape_at + escape->escape_bytes + (begin - escape->at - escape->bytes);
  if (const Escape* escape = Before(end))
    origin.end = end <= escape->at + escape->bytes
                     ? escape->escape_at + escape->escape_bytes
                     : escape->escape_at + escape->escape_bytes + (end - escape->at - escape->bytes);
  return origin;
}

}  // namespace streamgate::detect
