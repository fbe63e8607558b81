// See keyword.h.
#include "detect/keyword.h"

#include "detect/bytes.h"

namespace streamgate::detect {
namespace {

// Is there an end of a word between two bytes that follow each other?
bool Separates(char before, char after) {
  return !IsLetter(before) || !IsLetter(after) || (IsLower(before) && IsUpper(after));
}

bool IsKeywordAt(std::string_view text, size_t at, size_t end, std::string_view word) {
  const bool begins = word.front() == ' ';
  const bool ends = word.back() == ' ';
  word = word.substr(begins ? 1 : 0, word.size() - (begins ? 1 : 0) - (ends ? 1 : 0));
  if (end - at < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = Lower(text[at + i]);
    if (c != word[i] && !(word[i] == ' ' && (c == '_' || c == '-'))) return false;
  }
  const size_t last = at + word.size() - 1;
  return (!begins || Separates(ByteBefore(text, at), text[at])) &&
         (!ends || (Separates(text[last], ByteAt(text, last + 1)) && !IsBeyondAscii(ByteAt(text, last + 1))));
}

}  // namespace

bool HasKeywordBefore(std::string_view text, size_t at, size_t reach, const std::string_view* words, size_t count) {
  for (size_t i = at > reach ? at - reach : 0; i < at; ++i)
    for (size_t word = 0; word < count && !words[word].empty(); ++word)
      if (IsKeywordAt(text, i, at, words[word])) return true;
  return false;
}

}  // namespace streamgate::detect
