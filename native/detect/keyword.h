// Is there a word before a value that says what it is: `ssn`, `phone`?
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace streamgate::detect {

// Does one of `words`, which are in lower case, stand within the `reach` bytes before `at`? Case does not matter, nor
// what surrounds the word: `user_ssn_no=` holds `ssn`. A space at a word's start or end says that no word goes on there
// (`sin` is no part of `using`; of `userSin` it is), one within it stands for a space, an underscore or a hyphen. ASCII
// follows the word.
//
// `words`: `count` of them, or as many as come before an empty one.
bool HasKeywordBefore(std::string_view text, size_t at, size_t reach, const std::string_view* words, size_t count);

inline bool HasKeywordBefore(std::string_view text, size_t at, size_t reach,
                             std::initializer_list<std::string_view> words) {
  return HasKeywordBefore(text, at, reach, words.begin(), words.size());
}

}  // namespace streamgate::detect
