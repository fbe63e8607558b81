// JSON said once more in the plainest way (RFC 8259, what JSON.parse takes; bytes of 0x80 and above inside strings as
// they are), and UTF-8 repaired as TextDecoder does: what the targets hold the code to. Knows nothing of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace streamgate::fuzz {

struct JsonValue {
  enum class Kind { kWord, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kWord;
  // A string's meaning; of a word and a number the source text.
  std::string text;
  std::vector<std::pair<std::string, JsonValue>> members;
  std::vector<JsonValue> items;
  // Containers that are open at once inside this value, itself counted.
  size_t depth = 0;

  bool operator==(const JsonValue& other) const {
    return kind == other.kind && text == other.text && members == other.members && items == other.items;
  }
};

inline void AppendUtf8(uint32_t code, std::string* out) {
  const auto put = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

class JsonReference {
 public:
  // Nothing: not one whole JSON value, white space around it allowed.
  static std::optional<JsonValue> Parse(std::string_view text) {
    JsonReference reader(text);
    JsonValue value;
    if (!reader.Value(&value)) return std::nullopt;
    reader.Space();
    if (reader.at_ != text.size()) return std::nullopt;
    return value;
  }

 private:
  explicit JsonReference(std::string_view text) : text_(text) {}

  void Space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool Digits() {
    const size_t from = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > from;
  }
  bool Number(JsonValue* value) {
    const size_t from = at_;
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (!Digits()) return false;
    }
    value->kind = JsonValue::Kind::kNumber;
    value->text = text_.substr(from, at_ - from);
    return true;
  }
  bool Hex(uint32_t* unit) {
    *unit = 0;
    for (int i = 0; i < 4; ++i) {
      if (at_ >= text_.size()) return false;
      const char c = text_[at_++];
      uint32_t digit = 0;
      if (c >= '0' && c <= '9')
        digit = static_cast<uint32_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        digit = static_cast<uint32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        digit = static_cast<uint32_t>(c - 'A' + 10);
      else
        return false;
      *unit = *unit << 4 | digit;
    }
    return true;
  }
  // Behind `\u`.
  bool Unicode(std::string* out) {
    uint32_t unit = 0;
    if (!Hex(&unit)) return false;
    if (unit >= 0xD800 && unit < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      const size_t before = at_;
      uint32_t low = 0;
      at_ += 2;
      if (!Hex(&low)) return false;
      if (low >= 0xDC00 && low < 0xE000) {
        AppendUtf8(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), out);
        return true;
      }
      at_ = before;
    }
    AppendUtf8(unit >= 0xD800 && unit < 0xE000 ? 0xFFFD : unit, out);
    return true;
  }
  bool String(std::string* out) {
    if (!Take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out->push_back(c);
        continue;
      }
      if (at_ >= text_.size()) return false;
      const char escape = text_[at_++];
      constexpr std::string_view kNames = "\"\\/bfnrt";
      constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
      const size_t index = kNames.find(escape);
      if (index != std::string_view::npos)
        out->push_back(kMeanings[index]);
      else if (escape != 'u' || !Unicode(out))
        return false;
    }
    return false;
  }
  bool Object(JsonValue* value) {
    value->kind = JsonValue::Kind::kObject;
    value->depth = 1;
    Space();
    if (Take('}')) return true;
    do {
      Space();
      std::pair<std::string, JsonValue> member;
      if (!String(&member.first)) return false;
      Space();
      if (!Take(':') || !Value(&member.second)) return false;
      value->depth = std::max(value->depth, 1 + member.second.depth);
      value->members.push_back(std::move(member));
      Space();
    } while (Take(','));
    return Take('}');
  }
  bool Array(JsonValue* value) {
    value->kind = JsonValue::Kind::kArray;
    value->depth = 1;
    Space();
    if (Take(']')) return true;
    do {
      JsonValue item;
      if (!Value(&item)) return false;
      value->depth = std::max(value->depth, 1 + item.depth);
      value->items.push_back(std::move(item));
      Space();
    } while (Take(','));
    return Take(']');
  }
  bool Value(JsonValue* value) {
    Space();
    if (at_ >= text_.size()) return false;
    switch (text_[at_]) {
      case '{':
        ++at_;
        return Object(value);
      case '[':
        ++at_;
        return Array(value);
      case '"':
        value->kind = JsonValue::Kind::kString;
        return String(&value->text);
      default:
        break;
    }
    for (const std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      value->text = word;
      return true;
    }
    return Number(value);
  }

  std::string_view text_;
  size_t at_ = 0;
};

// U+FFFD for each maximal subpart of what is no UTF-8 (the Unicode Standard, section 3.9).
inline std::string Repaired(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto first = static_cast<uint8_t>(text[at]);
    // Bytes that follow, and what the first of them may be.
    size_t more = 0;
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    if (first >= 0xC2 && first <= 0xDF) more = 1;
    if (first >= 0xE0 && first <= 0xEF) more = 2;
    if (first >= 0xF0 && first <= 0xF4) more = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    size_t end = at + 1;
    for (; end - at <= more && end < text.size(); ++end) {
      const auto byte = static_cast<uint8_t>(text[end]);
      if (byte < low || byte > high) break;
      low = 0x80;
      high = 0xBF;
    }
    const bool whole = first < 0x80 || (more > 0 && end - at == more + 1);
    out += whole ? text.substr(at, end - at) : std::string_view("\xEF\xBF\xBD");
    at = end;
  }
  return out;
}

}  // namespace streamgate::fuzz
