// See structured_data.h.
#include "syslog/structured_data.h"

namespace streamgate {
namespace {

// SD-NAME: printable ASCII, but for `=`, space, `]` and `"`.
bool IsName(char c) { return c > ' ' && c <= '~' && c != '=' && c != ']' && c != '"'; }
bool IsEscaped(char c) { return c == '"' || c == '\\' || c == ']'; }

size_t NameEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsName(text[at])) ++at;
  return at;
}

// From behind a value's opening quote to its closing one; npos: broken.
size_t ValueEnd(std::string_view text, size_t at) {
  while ((at = text.find_first_of("\"\\]", at)) != std::string_view::npos) {
    if (text[at] == '"') return at;
    if (text[at] == ']') return std::string_view::npos;
    at += at + 1 < text.size() && IsEscaped(text[at + 1]) ? 2 : 1;
  }
  return std::string_view::npos;
}

// Walks an element, `at` being behind its bracket, and calls `take(id, name, value)` for each parameter until it
// returns true. Where it was, or where the element ends, behind its bracket; 0: broken. `taken`: did `take` return
// true?
template <typename Take>
size_t WalkElement(std::string_view text, size_t at, bool* taken, const Take& take) {
  const size_t id_end = NameEnd(text, at);
  if (id_end == at) return 0;
  const std::string_view id = text.substr(at, id_end - at);
  for (at = id_end; at < text.size();) {
    if (text[at] == ']') return at + 1;
    if (text[at] != ' ') return 0;
    const size_t name = at + 1;
    const size_t name_end = NameEnd(text, name);
    if (name_end == name || text.substr(name_end, 2) != "=\"") return 0;
    const size_t value = name_end + 2;
    const size_t value_end = ValueEnd(text, value);
    if (value_end == std::string_view::npos) return 0;
    at = value_end + 1;
    *taken = take(id, text.substr(name, name_end - name), text.substr(value, value_end - value));
    if (*taken) return at;
  }
  return 0;
}

}  // namespace

size_t StructuredDataEnd(std::string_view text) {
  size_t at = 0;
  bool taken = false;
  while (at < text.size() && text[at] == '[') {
    at = WalkElement(text, at + 1, &taken, [](auto...) { return false; });
    if (at == 0) return 0;
  }
  return at;
}

std::string_view FindSyslogParam(std::string_view data, std::string_view wanted) {
  std::string_view found;
  bool taken = false;
  for (size_t at = 0; at < data.size() && !taken;) {
    at = WalkElement(data, at + 1, &taken, [&](std::string_view id, std::string_view name, std::string_view value) {
      if (wanted.size() != id.size() + 1 + name.size() || wanted[id.size()] != '.' ||
          wanted.substr(0, id.size()) != id || wanted.substr(id.size() + 1) != name)
        return false;
      found = value;
      return true;
    });
    if (at == 0) break;
  }
  return found;
}

void UnescapeSyslogParam(std::string_view value, std::string* out) {
  for (size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '\\' && at + 1 < value.size() && IsEscaped(value[at + 1])) ++at;
    out->push_back(value[at]);
  }
}

}  // namespace streamgate
