// See assignment.h.
#include "detect/assignment.h"

#include "detect/bytes.h"

namespace streamgate::detect {
namespace {

constexpr size_t kNameBytesMax = 48;
constexpr size_t kSpacesMax = 4;

bool IsName(char c) { return IsBase64Url(c) || c == '.'; }

bool IsQuote(char c) { return c == '"' || c == '\'' || c == '`'; }

bool IsValue(char c) {
  constexpr std::string_view kEnds = "\"'`\\,;&<>()[]{}|";
  return c > ' ' && c < '\x7f' && kEnds.find(c) == std::string_view::npos;
}

size_t SpacesEnd(std::string_view text, size_t at) {
  const size_t most = at + kSpacesMax;
  while (at < most && (ByteAt(text, at) == ' ' || ByteAt(text, at) == '\t')) ++at;
  return at;
}

}  // namespace

Find AssignedValue(std::string_view text, size_t at) {
  const size_t name_most = at + kNameBytesMax;
  while (at < text.size() && at < name_most && IsName(text[at])) ++at;
  const Find nothing = {at, at};
  size_t sign = at;
  if (IsQuote(ByteAt(text, sign))) ++sign;
  sign = SpacesEnd(text, sign);
  size_t begin = sign;
  while (begin < sign + 2 && (ByteAt(text, begin) == '=' || ByteAt(text, begin) == ':')) ++begin;
  if (begin == sign) return nothing;
  if (ByteAt(text, begin) == '>') ++begin;
  begin = SpacesEnd(text, begin);
  if (IsQuote(ByteAt(text, begin))) ++begin;
  size_t end = begin;
  while (end < text.size() && end - begin <= kAssignedBytesMax && IsValue(text[end])) ++end;
  if (end - begin > kAssignedBytesMax) return nothing;
  while (end > begin && text[end - 1] == '.') --end;
  return end == begin ? nothing : Find{begin, end};
}

}  // namespace streamgate::detect
