// Is there a word before a value that says what it is: `ssn`, `phone`?
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace streamgate::detect {

// Does one of `words`, which are in lower case, stand within the `reach` bytes before `at`? Case does not matter, nor
// what surrounds the word: `user_ssn_no=` holds `ssn`.
bool HasKeywordBefore(std::string_view text, size_t at, size_t reach, std::initializer_list<std::string_view> words);

}  // namespace streamgate::detect
