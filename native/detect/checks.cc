// See checks.h.
#include "detect/checks.h"

#include "detect/bytes.h"

namespace streamgate::detect {
namespace {

// Not part of a longer word of letters and digits.
bool IsWholeWord(std::string_view text, const Find& match) {
  return !IsAlnum(ByteBefore(text, match.begin)) && !IsAlnum(ByteAt(text, match.end));
}

}  // namespace

CheckFunction CheckOf(std::string_view name) {
  static constexpr struct {
    std::string_view name;
    CheckFunction check;
  } kChecks[] = {
      {"word", IsWholeWord},
  };
  for (const auto& check : kChecks)
    if (check.name == name) return check.check;
  return nullptr;
}

}  // namespace streamgate::detect
