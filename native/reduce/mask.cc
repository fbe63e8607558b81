// See mask.h.
#include "reduce/mask.h"

#include <cstddef>
#include <cstdint>

namespace streamgate {
namespace {

// Kinds of bytes; of a word they are put together.
constexpr uint8_t kDigit = 1;
constexpr uint8_t kHexLetter = 2;
constexpr uint8_t kLetter = 4;
// Not part of a word.
constexpr uint8_t kJoins = 8;

struct Kinds {
  uint8_t of[256] = {};
};
constexpr Kinds MakeKinds() {
  Kinds kinds;
  for (int c = '0'; c <= '9'; ++c) kinds.of[c] = kDigit;
  for (int c = 'a'; c <= 'z'; ++c) kinds.of[c] = kinds.of[c - 32] = c <= 'f' ? kHexLetter : kLetter;
  for (const char c : {'.', ':', ',', '-', '/', '+'}) kinds.of[static_cast<int>(c)] = kJoins;
  return kinds;
}
constexpr Kinds kKinds = MakeKinds();

// No log line holds it, and it would do no harm: it stands for a mark.
constexpr uint8_t kMark = 0;

constexpr size_t kUuidBytes = 36;

uint8_t KindOf(char c) { return kKinds.of[static_cast<uint8_t>(c)]; }
bool IsWord(char c) { return (KindOf(c) & (kDigit | kHexLetter | kLetter)) != 0; }
bool IsHex(char c) { return (KindOf(c) & (kDigit | kHexLetter)) != 0; }

// RFC 9562 section 4: 8-4-4-4-12 hex digits. `text` begins with a word.
bool BeginsWithUuid(std::string_view text) {
  if (text.size() < kUuidBytes || (text.size() > kUuidBytes && IsWord(text[kUuidBytes]))) return false;
  for (size_t i = 0; i < kUuidBytes; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsHex(text[i])) return false;
  }
  return true;
}

bool IsPrefixedHex(std::string_view word) {
  if (word.size() < 3 || word[0] != '0' || (word[1] | 0x20) != 'x') return false;
  for (const char c : word.substr(2))
    if (!IsHex(c)) return false;
  return true;
}

}  // namespace

void HashMasked(std::string_view text, RecordHash* hash) {
  // A mark was written last, and what has come since belongs to it.
  bool marked = false;
  const auto mark = [&] {
    if (!marked) hash->Byte(kMark);
    marked = true;
  };
  size_t at = 0;
  while (at < text.size()) {
    const uint8_t kind = KindOf(text[at]);
    if (kind == 0 || kind == kJoins) {
      const bool joins = marked && kind == kJoins && at + 1 < text.size() && KindOf(text[at + 1]) == kDigit;
      if (!joins) {
        hash->Byte(static_cast<uint8_t>(text[at]));
        marked = false;
      }
      ++at;
      continue;
    }
    uint8_t kinds = kind;
    size_t end = at + 1;
    while (end < text.size() && IsWord(text[end])) kinds |= KindOf(text[end++]);
    const bool hex = (kinds & kLetter) == 0;
    if (hex && end - at == 8 && BeginsWithUuid(text.substr(at))) {
      mark();
      at += kUuidBytes;
      continue;
    }
    if ((hex && (kinds & kDigit) != 0) || IsPrefixedHex(text.substr(at, end - at))) {
      mark();
    } else {
      for (size_t i = at; i < end; ++i) {
        if (KindOf(text[i]) == kDigit) {
          mark();
        } else {
          hash->Byte(static_cast<uint8_t>(text[i]));
          marked = false;
        }
      }
    }
    at = end;
  }
}

}  // namespace streamgate
