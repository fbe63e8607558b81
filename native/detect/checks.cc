// See checks.h.
#include "detect/checks.h"

#include "detect/bytes.h"

namespace streamgate::detect {
namespace {

// Not part of a longer word of letters and digits.
bool IsWholeWord(std::string_view text, const Find& match) {
  return !IsAlnum(ByteBefore(text, match.begin)) && !IsAlnum(ByteAt(text, match.end));
}

// A token of letters, digits, hyphens and underscores that does not go on, and begins no word.
bool IsWholeToken(std::string_view text, const Find& match) {
  return !IsAlnum(ByteBefore(text, match.begin)) && !IsBase64Url(ByteAt(text, match.end));
}

// A hardware address that is not part of a longer row of pairs: a fingerprint, a world wide name.
bool IsHardwareAddress(std::string_view text, const Find& match) {
  const char before = ByteBefore(text, match.begin);
  const char after = ByteAt(text, match.end);
  const auto separates = [](char c) { return c == ':' || c == '-'; };
  if (IsAlnum(before) || IsAlnum(after)) return false;
  if (separates(before) && IsHex(ByteBefore(text, match.begin, 2)) && text[match.begin + 2] == before) return false;
  return !(separates(after) && IsHex(ByteAt(text, match.end + 1)) && text[match.begin + 2] == after);
}

}  // namespace

CheckFunction CheckOf(std::string_view name) {
  static constexpr struct {
    std::string_view name;
    CheckFunction check;
  } kChecks[] = {
      {"word", IsWholeWord},
      {"token", IsWholeToken},
      {"mac", IsHardwareAddress},
  };
  for (const auto& check : kChecks)
    if (check.name == name) return check.check;
  return nullptr;
}

}  // namespace streamgate::detect
