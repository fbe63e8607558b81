// See fields.h.
#include "detect/fields.h"

#include <algorithm>
#include <utility>

#include "detect/bytes.h"
#include "scan/ascii.h"

namespace streamgate::detect {
namespace {

size_t PastSpace(std::string_view text, size_t at) {
  while (at < text.size() && IsJsonSpace(text[at])) ++at;
  return at;
}

// Where the string whose content begins at `at` ends: its closing quote, or the text's end.
size_t StringEnd(std::string_view text, size_t at) {
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at, text.size());
}

size_t BareEnd(std::string_view text, size_t at) {
  while (at < text.size() && !IsJsonSpace(text[at]) && text[at] != ',' && text[at] != '}' && text[at] != ']' &&
         text[at] != '"' && text[at] != '{' && text[at] != '[')
    ++at;
  return at;
}

// A quote is followed by what no end of a string is, in JSON or in most text: it begins one, or there is one too many
// (`5" wide {"password":…`, `"a "b" c"`).
bool IsOddQuote(std::string_view text, size_t at) {
  const char c = ByteAt(text, at + 1);
  return IsAlnum(c) || c == '_' || c == '-' || c == '$' || c == '@' || c == '*' || c == '\\' || IsBeyondAscii(c);
}

// Does a JSON text begin here whose quotes are its own? In `{\"a\":1}` they are a string's.
bool BeginsLikeJson(std::string_view text) {
  const size_t at = PastSpace(text, 0);
  const char open = ByteAt(text, at);
  if (open != '{' && open != '[') return false;
  const char first = ByteAt(text, PastSpace(text, at + 1));
  return first != '\\' && first != '%';
}

}  // namespace

bool FitsGlob(std::string_view glob, std::string_view name) {
  size_t g = 0;
  size_t n = 0;
  // Behind the last star, and what of the name it has taken.
  size_t star = std::string_view::npos;
  size_t taken = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = ++g;
      taken = n;
    } else if (g < glob.size() && Lower(glob[g]) == Lower(name[n])) {
      ++g;
      ++n;
    } else if (star != std::string_view::npos) {
      g = star;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

void Fields::AddKey(std::string glob, uint32_t selector) {
  selectors_.push_back({{std::move(glob)}, false, selector, 0});
}

void Fields::AddPath(std::vector<std::string> globs, uint32_t selector) {
  selectors_.push_back({std::move(globs), true, selector, uint64_t{1} << paths_++});
}

uint32_t Fields::Selected(std::string_view key, unsigned decode, const Container& in, uint64_t* paths) {
  // A longer name is none that a person has written into a rule.
  constexpr size_t kKeyBytesMax = 512;
  if (key.size() <= kKeyBytesMax && key.find('\\') != std::string_view::npos && key_.Decode(key, decode | kDecodeJson))
    key = key_.text();
  uint32_t selected = UINT32_MAX;
  *paths = 0;
  for (const Selector& selector : selectors_) {
    if (!selector.path) {
      if (selector.selector < selected && FitsGlob(selector.globs[0], key)) selected = selector.selector;
      continue;
    }
    if ((in.paths & selector.bit) == 0 || in.level >= selector.globs.size() || !FitsGlob(selector.globs[in.level], key))
      continue;
    *paths |= selector.bit;
    if (in.level + 1 == selector.globs.size()) selected = std::min(selected, selector.selector);
  }
  return selected;
}

bool Fields::Search(std::string_view text, unsigned decode, std::vector<FieldFind>* finds) {
  const size_t found = finds->size();
  const bool finished = SearchIn(text, decode, 0, finds);
  // JSON of which the line holds all escaped, as the query of a URL.
  if (finds->size() > found || BeginsLikeJson(text)) return finished;
  return SearchString(text, 0, text.size(), decode, 0, finds) && finished;
}

bool Fields::SearchString(std::string_view text, size_t begin, size_t end, unsigned decode, int depth,
                          std::vector<FieldFind>* finds) {
  if ((decode & (kDecodeJson | kDecodeUrl)) == 0) return true;
  const std::string_view content = text.substr(begin, end - begin);
  if (depth == kDecodeDepthMax) return content.find("\\\"") == std::string_view::npos;
  Unescaped& decoded = decoded_[depth];
  if (!decoded.Decode(content, decode) || decoded.text().find('"') == std::string_view::npos) return true;
  std::vector<FieldFind>& nested = nested_[depth];
  nested.clear();
  const bool finished = SearchIn(decoded.text(), decode, depth + 1, &nested);
  for (const FieldFind& find : nested) {
    const Find origin = decoded.Origin(find.place.begin, find.place.end);
    if (origin.end > origin.begin) finds->push_back({{begin + origin.begin, begin + origin.end}, find.selector, false});
  }
  return finished;
}

bool Fields::SearchIn(std::string_view text, unsigned decode, int depth, std::vector<FieldFind>* finds) {
  bool finished = true;
  Container containers[kContainersMax];
  size_t open = 0;
  // What the next container is: the outermost, or the value of the last key.
  Container next = {UINT64_MAX, 0};
  // The value of a selected key that is an object or a list: all in it is taken until so many are open again.
  constexpr size_t kNone = SIZE_MAX;
  size_t taken_from = kNone;
  uint32_t taken_by = 0;
  size_t at = 0;
  // Up to here lies what was no string after all.
  size_t odd_end = 0;
  const auto take = [&](size_t begin, size_t end, uint32_t by, bool bare) {
    if (end > begin) finds->push_back({{begin, end}, by, bare});
  };
  const auto take_bare = [&](size_t begin, size_t end, uint32_t by) {
    if (text.substr(begin, end - begin) != "null") take(begin, end, by, true);
  };
  // The innermost that is open.
  const auto inside = [&]() -> Container {
    return open == 0 ? Container{UINT64_MAX, 0} : open > kContainersMax ? Container{0, 0} : containers[open - 1];
  };
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      const size_t begin = at + 1;
      const size_t end = StringEnd(text, begin);
      at = std::min(end + 1, text.size());
      const size_t colon = PastSpace(text, at);
      if (ByteAt(text, colon) != ':') {
        if (taken_from != kNone) {
          take(begin, end, taken_by, false);
          continue;
        }
        const size_t found = finds->size();
        finished = SearchString(text, begin, end, decode, depth, finds) && finished;
        if (finds->size() > found || end == text.size() || !IsOddQuote(text, end)) continue;
        // Keys may stand in what was no string, and one may begin with the quote that seemed to end it.
        at = begin;
        odd_end = end;
        continue;
      }
      // A key.
      at = PastSpace(text, colon + 1);
      const Container here = inside();
      uint64_t paths;
      const uint32_t selected = Selected(text.substr(begin, end - begin), decode, here, &paths);
      next = {paths, here.level + 1};
      if (taken_from != kNone || selected == UINT32_MAX || at == text.size()) continue;
      const char value = text[at];
      if (value == '{' || value == '[') {
        taken_from = open;
        taken_by = selected;
      } else if (value == '"') {
        size_t value_end = StringEnd(text, at + 1);
        // A quote that nobody escaped: better too much than the rest of a value.
        while (value_end < text.size() && IsOddQuote(text, value_end)) value_end = StringEnd(text, value_end + 1);
        take(at + 1, value_end, selected, false);
        at = std::min(value_end + 1, text.size());
      } else {
        const size_t value_end = BareEnd(text, at);
        take_bare(at, value_end, selected);
        at = value_end;
      }
      continue;
    }
    // No escape holds a quote that begins a string, so that no byte is looked at more than twice.
    at += c == '\\' && at < odd_end ? 2 : 1;
    if (c == '{' || c == '[') {
      if (open < kContainersMax) containers[open] = next;
      ++open;
    } else if (c == '}' || c == ']') {
      if (open > 0) --open;
      if (taken_from != kNone && open <= taken_from) taken_from = kNone;
    } else if (taken_from != kNone && !IsJsonSpace(c) && c != ',' && c != ':') {
      const size_t end = BareEnd(text, at);
      take_bare(at - 1, end, taken_by);
      at = end;
    }
    // Objects in a list are reached by the keys that led to the list.
    if (c == '{' || c == '[' || c == '}' || c == ']' || c == ',') next = inside();
  }
  return finished;
}

}  // namespace streamgate::detect
