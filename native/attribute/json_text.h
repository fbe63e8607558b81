// Strict JSON (RFC 8259, exactly what JSON.parse accepts) read in place: values are skipped and checked, nothing is
// built.
//
// A record is a stranger's text, so nesting costs one bit a level in a buffer that is kept for the next record, never a
// stack frame. Bytes of 0x80 and above are taken as they are inside strings, broken UTF-8 included, and refused
// elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace streamgate {

// A piece of the text and how to read it.
struct JsonScalar {
  const char* data = nullptr;
  size_t size = 0;
  // A string's bytes between its quotes; otherwise the source text of a number, true, false or null.
  bool is_string = false;
  // The string holds escapes: compare it decoded.
  bool escaped = false;
};

class JsonText {
 public:
  // Starts on a text, which is borrowed until the next Reset. Keeps the nesting buffer.
  void Reset(const char* data, size_t size) {
    at_ = data;
    end_ = data + size;
  }
  const char* at() const { return at_; }
  // Goes back to a place that `at` gave earlier.
  void Seek(const char* at) { at_ = at; }

  // The next byte that is not white space (which it skips), without taking it; 0 at the end. A NUL in the text also
  // reads as 0, and no value begins with one.
  char Peek() {
    while (at_ < end_) {
      const char c = *at_;
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
      ++at_;
    }
    return 0;
  }
  // Takes `c` when it is the next byte after white space.
  bool Take(char c) {
    if (Peek() != c || at_ == end_) return false;
    ++at_;
    return true;
  }
  bool AtEnd() {
    Peek();
    return at_ == end_;
  }

  // Takes a string; the place must be at its opening quote. False: malformed.
  bool String(JsonScalar* out);
  // Takes a string, number, true, false or null. False: malformed.
  bool Scalar(JsonScalar* out);
  // Takes any value and checks all of it. False: malformed.
  bool SkipValue();

  // Appends a string's meaning to `out`: escapes resolved to UTF-8, a lone surrogate as U+FFFD, other bytes as they
  // are.
  static void Decode(std::string_view raw, std::string* out);

 private:
  bool Number();
  bool Word(std::string_view word);

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  // One bit for each open container that SkipValue is in: 1 object, 0 array.
  std::vector<uint64_t> nesting_;
};

}  // namespace streamgate
