// See json_text.h.
#include "attribute/json_text.h"

#include <cstring>

#include "scan/ascii.h"
#include "scan/dispatch.h"

namespace streamgate {
namespace {

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

char JsonText::First(const char* data, size_t size) {
  for (const char* const end = data + size; data < end; ++data)
    if (!IsJsonSpace(*data)) return *data;
  return 0;
}

void JsonText::Reset(const char* data, size_t size) {
  begin_ = at_ = data;
  end_ = data + size;
  const size_t words = JsonMarkWords(size);
  if (marks_.size() < words) marks_.resize(words);
  MarkJson(reinterpret_cast<const uint8_t*>(data), size, marks_.data());
}

const char* JsonText::PastSpace(const char* p) const {
  while (p < end_ && IsJsonSpace(*p)) ++p;
  return p;
}

const char* JsonText::EscapedEnd(const char* p) const {
  const char* const end = end_;
  for (; p != end; p = NextMark(p)) {
    if (*p == '"') return p + 1;
    if (*p != '\\' || end - p < 2) return nullptr;
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
        if (end - p < 6) return nullptr;
        for (int i = 2; i < 6; ++i)
          if (HexValue(p[i]) < 0) return nullptr;
        p += 6;
        break;
      default:
        return nullptr;
    }
  }
  return nullptr;
}

// A key and the colon behind it.
const char* JsonText::KeyEnd(const char* p) const {
  p = Past(p);
  if (p == end_ || *p != '"') return nullptr;
  bool ignored;
  p = StringEnd(p, &ignored);
  if (p == nullptr) return nullptr;
  p = Past(p);
  return p != end_ && *p == ':' ? p + 1 : nullptr;
}

const char* JsonText::NumberEnd(const char* p) const {
  const char* const end = end_;
  if (p < end && *p == '-') ++p;
  if (p == end || !IsDigit(*p)) return nullptr;
  if (*p == '0') {
    ++p;
  } else {
    while (p < end && IsDigit(*p)) ++p;
  }
  if (p < end && *p == '.') {
    ++p;
    if (p == end || !IsDigit(*p)) return nullptr;
    while (p < end && IsDigit(*p)) ++p;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p < end && (*p == '+' || *p == '-')) ++p;
    if (p == end || !IsDigit(*p)) return nullptr;
    while (p < end && IsDigit(*p)) ++p;
  }
  return p;
}

const char* JsonText::WordEnd(const char* p, std::string_view word) const {
  const bool is = static_cast<size_t>(end_ - p) >= word.size() && std::memcmp(p, word.data(), word.size()) == 0;
  return is ? p + word.size() : nullptr;
}

// A number, true, false or null.
const char* JsonText::ScalarEnd(const char* p) const {
  if (p == end_) return nullptr;
  switch (*p) {
    case 't':
      return WordEnd(p, "true");
    case 'f':
      return WordEnd(p, "false");
    case 'n':
      return WordEnd(p, "null");
    default:
      return NumberEnd(p);
  }
}

bool JsonText::Scalar(JsonScalar* out) {
  if (Peek() == '"') return String(out);
  const char* const start = at_;
  const char* const after = ScalarEnd(start);
  if (after == nullptr) return false;
  *out = {start, static_cast<size_t>(after - start), false, false};
  at_ = after;
  return true;
}

const char* JsonText::ValueEnd(const char* p) {
  const char* const end = end_;
  size_t depth = 0;
  bool object = false;  // the innermost open container is one
  bool ignored;
  for (;;) {
    p = Past(p);
    if (p == end) return nullptr;
    if (*p == '{' || *p == '[') {
      if (depth == depth_max_) return nullptr;
      const bool opens_object = *p == '{';
      p = Past(p + 1);
      if (p == end) return nullptr;
      if (*p == (opens_object ? '}' : ']')) {
        ++p;
      } else {
        object = opens_object;
        if (depth / 64 == nesting_.size()) nesting_.push_back(0);
        const uint64_t bit = uint64_t{1} << (depth % 64);
        nesting_[depth / 64] = object ? nesting_[depth / 64] | bit : nesting_[depth / 64] & ~bit;
        ++depth;
        if (object && (p = KeyEnd(p)) == nullptr) return nullptr;
        continue;
      }
    } else {
      p = *p == '"' ? StringEnd(p, &ignored) : ScalarEnd(p);
      if (p == nullptr) return nullptr;
    }
    // A value has ended: close what ends here, or go to the next member or element.
    for (;;) {
      if (depth == 0) return p;
      p = Past(p);
      if (p == end) return nullptr;
      const char c = *p++;
      if (c == ',') {
        if (object && (p = KeyEnd(p)) == nullptr) return nullptr;
        break;
      }
      if (c != (object ? '}' : ']')) return nullptr;
      --depth;
      if (depth > 0) object = (nesting_[(depth - 1) / 64] >> ((depth - 1) % 64) & 1) != 0;
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
