// A text without one layer of escapes, and where in the text each of its bytes came from.
//
// All kinds are decoded in one go, wherever they stand: JSON's (RFC 8259 section 7), whether the text is JSON or not,
// percent-encoding (RFC 3986 section 2.1), and a terminal's colours. What is not a whole escape stays as it is. So JSON
// within JSON needs no parser: each layer takes away one level of backslashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "detect/finds.h"
#include "match/replace.h"

namespace streamgate::detect {

// Sum of what is decoded.
enum Decode : uint8_t { kDecodeJson = 1, kDecodeUrl = 2, kDecodeBase64 = 4 };
// Not for a rule to name: a terminal's sequences (ECMA-48 section 5.4, `ESC [ 3 1 m`) are read as a space, so that
// their last letter is no part of the word that follows. What stands for ESC does not matter: `#033[31m`, `^[[31m`.
constexpr unsigned kDecodeColour = 8;

// Bytes of the escape that begins at `at`, and what it stands for; 0: none begins there.
size_t EscapeAt(std::string_view text, size_t at, unsigned decode, char* bytes, size_t* count);

// Could escapes hide a character of a value even once this text is decoded again? `\"`, `\\` and line ends alone do
// not.
bool HidesCharacters(std::string_view text, unsigned decode);

class Unescaped {
 public:
  // False: there is no escape in it, and nothing else may be asked.
  bool Decode(std::string_view text, unsigned decode);
  std::string_view text() const { return {bytes_.data(), bytes_.size()}; }
  // The bytes of the escaped text that the bytes [begin, end) of this one came from; escapes whole.
  Find Origin(size_t begin, size_t end) const;

 private:
  struct Escape {
    size_t at;            // in the text without escapes
    size_t bytes;         // there
    size_t escape_at;     // in the text with them
    size_t escape_bytes;  // there
  };
  // The last escape that begins before `at`; null: none.
  const Escape* Before(size_t at) const;

  Scratch bytes_;
  std::vector<Escape> escapes_;
};

}  // namespace streamgate::detect
