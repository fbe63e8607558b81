#include "attribute/json_text.h"

#include <cstring>

namespace streamgate {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kHighs = 0x8080808080808080u;

// High bit set in each byte of `x` that is zero; a byte above a zero byte may be set wrongly, so only "any" is exact.
constexpr uint64_t ZeroBytes(uint64_t x) { return (x - kOnes) & ~x & kHighs; }

// Is any of eight string bytes a quote, a backslash or a control character (below 0x20)?
constexpr bool AnySpecial(uint64_t x) {
  return (ZeroBytes(x ^ (kOnes * '"')) | ZeroBytes(x ^ (kOnes * '\\')) | ((x - kOnes * 0x20) & ~x & kHighs)) != 0;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Four hexadecimal digits, which String has checked already.
uint32_t HexUnit(const char* p) {
  uint32_t unit = 0;
  for (int i = 0; i < 4; ++i) unit = unit << 4 | static_cast<uint32_t>(HexValue(p[i]));
  return unit;
}

void AppendUtf8(uint32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xC0 | c >> 6));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | c >> 12));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | c >> 18));
    out->push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

}  // namespace

bool JsonText::String(JsonScalar* out) {
  const char* p = at_ + 1;
  const char* const end = end_;
  out->data = p;
  out->is_string = true;
  out->escaped = false;
  for (;;) {
    while (end - p >= 8) {
      uint64_t eight;
      std::memcpy(&eight, p, 8);
      if (AnySpecial(eight)) break;
      p += 8;
    }
    while (p < end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20) ++p;
    if (p == end) return false;
    if (*p == '"') {
      out->size = static_cast<size_t>(p - out->data);
      at_ = p + 1;
      return true;
    }
    if (*p != '\\' || end - p < 2) return false;
    out->escaped = true;
    switch (p[1]) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        p += 2;
        break;
      case 'u':
        if (end - p < 6) return false;
        for (int i = 2; i < 6; ++i)
          if (HexValue(p[i]) < 0) return false;
        p += 6;
        break;
      default:
        return false;
    }
  }
}

bool JsonText::Number() {
  const char* p = at_;
  const char* const end = end_;
  if (p < end && *p == '-') ++p;
  if (p == end || !IsDigit(*p)) return false;
  if (*p == '0') {
    ++p;
  } else {
    while (p < end && IsDigit(*p)) ++p;
  }
  if (p < end && *p == '.') {
    ++p;
    if (p == end || !IsDigit(*p)) return false;
    while (p < end && IsDigit(*p)) ++p;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p < end && (*p == '+' || *p == '-')) ++p;
    if (p == end || !IsDigit(*p)) return false;
    while (p < end && IsDigit(*p)) ++p;
  }
  at_ = p;
  return true;
}

bool JsonText::Word(std::string_view word) {
  if (static_cast<size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0) return false;
  at_ += word.size();
  return true;
}

bool JsonText::Scalar(JsonScalar* out) {
  const char c = Peek();
  if (c == '"') return String(out);
  const char* const start = at_;
  bool taken;
  switch (c) {
    case 't':
      taken = Word("true");
      break;
    case 'f':
      taken = Word("false");
      break;
    case 'n':
      taken = Word("null");
      break;
    default:
      taken = Number();
  }
  *out = {start, static_cast<size_t>(at_ - start), false, false};
  return taken;
}

bool JsonText::SkipValue() {
  size_t depth = 0;
  JsonScalar ignored;
  const auto key = [&] { return Peek() == '"' && String(&ignored) && Take(':'); };
  for (;;) {
    const char c = Peek();
    if (c == '{' || c == '[') {
      const bool object = c == '{';
      ++at_;
      if (!Take(object ? '}' : ']')) {
        if (depth / 64 == nesting_.size()) nesting_.push_back(0);
        const uint64_t bit = uint64_t{1} << (depth % 64);
        nesting_[depth / 64] = object ? nesting_[depth / 64] | bit : nesting_[depth / 64] & ~bit;
        ++depth;
        if (object && !key()) return false;
        continue;
      }
    } else if (!Scalar(&ignored)) {
      return false;
    }
    // A value has ended: close what ends here, or go to the next member or element.
    for (;;) {
      if (depth == 0) return true;
      const bool object = (nesting_[(depth - 1) / 64] >> ((depth - 1) % 64) & 1) != 0;
      if (Take(',')) {
        if (object && !key()) return false;
        break;
      }
      if (!Take(object ? '}' : ']')) return false;
      --depth;
    }
  }
}

void JsonText::Decode(std::string_view raw, std::string* out) {
  const char* p = raw.data();
  const char* const end = p + raw.size();
  while (p < end) {
    const void* found = std::memchr(p, '\\', static_cast<size_t>(end - p));
    const char* const slash = found == nullptr ? end : static_cast<const char*>(found);
    out->append(p, slash);
    if (slash == end) return;
    p = slash + 2;
    switch (slash[1]) {
      case 'b':
        out->push_back('\b');
        break;
      case 'f':
        out->push_back('\f');
        break;
      case 'n':
        out->push_back('\n');
        break;
      case 'r':
        out->push_back('\r');
        break;
      case 't':
        out->push_back('\t');
        break;
      case 'u': {
        uint32_t unit = HexUnit(p);
        p += 4;
        if (unit >= 0xD800 && unit < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
          const uint32_t low = HexUnit(p + 2);
          if (low >= 0xDC00 && low < 0xE000) {
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
          }
        }
        AppendUtf8(unit >= 0xD800 && unit < 0xE000 ? 0xFFFD : unit, out);
        break;
      }
      default:
        out->push_back(slash[1]);
    }
  }
}

}  // namespace streamgate
