// See keyword.h.
#include "detect/keyword.h"

#include "detect/bytes.h"

namespace streamgate::detect {

bool HasKeywordBefore(std::string_view text, size_t at, size_t reach, std::initializer_list<std::string_view> words) {
  const size_t from = at > reach ? at - reach : 0;
  for (size_t i = from; i < at; ++i) {
    for (const std::string_view word : words) {
      if (at - i < word.size()) continue;
      size_t k = 0;
      while (k < word.size() && Lower(text[i + k]) == word[k]) ++k;
      if (k == word.size()) return true;
    }
  }
  return false;
}

}  // namespace streamgate::detect
